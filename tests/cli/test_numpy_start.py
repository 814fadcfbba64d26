"""Commands that train nothing start on NumPy, unless a plugin needs another backend."""

import json
import os
import subprocess
import sys

import mtframework as mtf

START = (
    "import sys\n"
    "from mtframework.cli.app import main\n"
    "try:\n    main()\n"
    "except SystemExit as done:\n    print('exit', done.code)\n"
    "print('TensorFlow' if 'tensorflow' in sys.modules else 'no TensorFlow')\n"
)
NEEDY = """
import keras

if keras.backend.backend() != "tensorflow":
    raise RuntimeError("this is for TensorFlow")
"""


def started(folder, *arguments) -> list[str]:
    """Returns what a command of its own process prints, without a backend being chosen."""
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", START, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [*done.stderr.splitlines(), *done.stdout.splitlines()]


def test_mistakes_are_found_without_tensorflow(tmp_path):
    text = "include 'tutorial/joint.gin'\nwatch/Retrieval.candidate = 'movi'\n"
    (tmp_path / "joint.gin").write_text(text)
    told = started(tmp_path, "check", "joint.gin")
    assert 'joint.gin:2: The task "watch" has candidate = "movi", and there is no' in "".join(told)
    assert told[-2:] == ["exit 1", "no TensorFlow"]


def test_plugin_that_needs_another_backend_gets_it(tmp_path):
    (tmp_path / "needy.py").write_text(NEEDY)
    (tmp_path / "joint.gin").write_text("import needy\ninclude 'movielens/joint.gin'\n")
    told = started(tmp_path, "check", "joint.gin", "--trust")
    assert told[-3:] == ["joint.gin: no errors, no warnings.", "exit 0", "no TensorFlow"]


def test_a_query_is_answered_without_tensorflow(tmp_path, joint_run):
    asked = ("--query", "shopper=1,age=0.5", "--k", "5", "--json", "found", "--trust")
    told = started(tmp_path, "recommend", str(joint_run), *asked)
    assert told[-2:] == ["exit 0", "no TensorFlow"]
    [found] = json.loads((tmp_path / "found").read_text())
    expected = mtf.Run.open(joint_run).load_model().recommend({"shopper": ["1"], "age": [0.5]}, k=5)
    names = [each["product"] for each in found["recommendations"]]
    assert names == [each for each in expected["product"][0].tolist() if each]


def test_a_query_fails_on_numpy_as_on_the_usual_backend(tmp_path, joint_run):
    told = started(tmp_path, "recommend", str(joint_run), "--query", "shoper=1", "--trust")
    assert 'The model reads no column "shoper". Did you mean "shopper"?' in "".join(told)
    assert told[-2:] == ["exit 1", "no TensorFlow"]  # that was started in another process
