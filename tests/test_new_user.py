"""A new user: the built wheel in an environment of its own, an empty folder, and a page of docs.

TensorFlow takes minutes to install, so the environment borrows what the framework depends on from
the one that runs the tests, and neither the framework nor its plugins.
"""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from docs.test_code_blocks import ROOT, blocks_of

BORROWED_NOT = (
    "mtframework",
    "mtf_",
    "_mtf",
    "__editable__",
    "_virtualenv",
    "distutils-precedence",
)


@pytest.fixture
def environment(tmp_path) -> Path:
    """The folder of a virtual environment in which the framework is installed from its wheel."""
    wheels = tmp_path / "wheels"
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels], ROOT)
    environment = tmp_path / "venv"
    _run([sys.executable, "-m", "venv", "--without-pip", environment], tmp_path)
    borrowed = tmp_path / "borrowed"
    borrowed.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(BORROWED_NOT) and entry.suffix != ".pth":
            (borrowed / entry.name).symlink_to(entry)
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{borrowed}\n")
    [wheel] = wheels.iterdir()
    _run([environment / "bin/python", "-m", "pip", "install", wheel], tmp_path, environment)
    return environment


def test_a_new_user_comes_to_recommendations_by_the_docs_alone(environment, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    python = environment / "bin/python"
    where = "import mtframework; print(mtframework.__file__)"
    found = _run([python, "-c", where], folder, environment).strip()
    assert Path(found).is_relative_to(environment), f"{found} is not what the wheel installed"
    told = _run([python, "-c", script_of(ROOT / "docs/your_own.md")], folder, environment)
    assert "songs.gin: no errors, no warnings." in told
    assert told.count(" passed") == 1
    assert "listener 3" in told
    for run in ("songs", "stay"):
        assert (folder / f"runs/{run}/model.keras").is_file()


def script_of(page: Path) -> str:
    """Returns a page's Python blocks as one program whose errors name the page's lines."""
    lines = ["import os, subprocess"]
    for block in blocks_of(page):
        where = f"{page.name}:{block.line}"
        if block.title:
            lines.append(f"os.makedirs(os.path.dirname({block.title!r}) or '.', exist_ok=True)")
            lines.append(f"open({block.title!r}, 'w').write({block.code!r})")
        elif block.language == "python":
            code = "\n" * block.line + block.code
            lines.append(f"exec(compile({code!r}, {where!r}, 'exec'))")
        elif block.language == "bash":
            code = re.sub(r"^make ", f"make -n -C {ROOT} ", block.code, flags=re.MULTILINE)
            lines.append(f"subprocess.run(['bash', '-ec', {code!r}], check=True)")
    return "\n".join(lines)


def _run(command, folder: Path, environment: Path | None = None) -> str:
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}
    if environment is not None:
        variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # What is borrowed is all there is to install.
        variables |= {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    answer = subprocess.run(
        list(map(str, command)), cwd=folder, env=variables, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    return answer.stdout
