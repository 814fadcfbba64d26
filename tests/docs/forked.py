"""Runs a page's blocks in forks of one process: most commands take less time than starting one."""

import multiprocessing
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

PLAIN = re.compile(r"mtframework [^|&;<>$`#*?~]*")
"""A command that needs no shell."""

_START = multiprocessing.get_context("forkserver")
# Imports, and no computing: a backend's threads do not survive a fork.
_START.set_forkserver_preload(["mtframework.cli.app", "mtframework.config"])
_FORK = multiprocessing.get_context("fork")


def run_page(steps: list[tuple[str, str, str]], folder: Path) -> str:
    """Runs the steps in the folder, one after another, and returns what they print.

    Args:
        steps: For each block its language, or `"file"`; its place, or the file's path; its code.
        folder: Where to run them.
    """
    told = folder.with_name(f"{folder.name}.txt")
    page = _START.Process(target=_run, args=(steps, folder, told))
    page.start()
    page.join()
    assert page.exitcode == 0, told.read_text("utf-8")[-6000:]
    return told.read_text("utf-8")


def commands_of(code: str) -> list[str]:
    """Returns the commands of a block: its lines, where a backslash joins two."""
    return [line for line in code.replace("\\\n", "").splitlines() if line.strip()]


def _run(steps: list[tuple[str, str, str]], folder: Path, told: Path) -> None:
    os.chdir(folder)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    output = os.open(told, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    python, theirs = _FORK.Pipe()
    _FORK.Process(target=_python, args=(theirs,), daemon=True).start()
    theirs.close()
    for language, where, code in steps:
        if language == "file":
            Path(where).parent.mkdir(parents=True, exist_ok=True)
            Path(where).write_text(code, "utf-8")
        elif language == "python":
            python.send((where, code))
            python.recv()  # EOFError where the block failed
        else:
            for command in commands_of(code):
                _run_command(command, where)


def _run_command(command: str, where: str) -> None:
    if not PLAIN.fullmatch(command):
        subprocess.run(["bash", "-ec", command], check=True)
        return
    process = _FORK.Process(target=_mtframework, args=(shlex.split(command),))
    process.start()
    process.join()
    assert process.exitcode == 0, f"{where}: {command}"


def _mtframework(arguments: list[str]) -> None:
    from mtframework.cli.app import main

    sys.argv = arguments
    main()


def _python(orders) -> None:
    """Runs blocks as parts of one program until there are no more."""
    program = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.path.insert(0, "")
    while True:
        try:
            where, code = orders.recv()
        except EOFError:
            return
        exec(compile(code, where, "exec"), vars(program))
        sys.stdout.flush()
        orders.send(True)
