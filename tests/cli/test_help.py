"""Help answers at once: nothing heavy is imported for it."""

import subprocess
import sys

import pytest

HEAVY = ("keras", "tensorflow", "jax", "torch", "gin", "numpy", "pyarrow")
COMMANDS = (
    [], ["train"], ["evaluate"], ["compare"], ["sweep"], ["predict"], ["recommend"], ["export"],
    ["show"],
    ["check"], ["list"], ["data"], ["data", "prepare"],
    ["new"], ["new", "task"], ["new", "experiment"],
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from mtframework.cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit as done:\n    assert not done.code, done.code\n"
        f"print('imported:', [name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_version():
    import mtframework

    done = subprocess.run(
        [sys.executable, "-c", "from mtframework.cli.app import main; main()", "--version"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == mtframework.__version__
