"""Commands that train nothing start on NumPy, unless a plugin needs another backend."""

import os
import subprocess
import sys

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
