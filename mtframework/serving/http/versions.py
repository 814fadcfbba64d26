"""Which of a folder's runs is to be served."""

import re
from pathlib import Path

from mtframework.errors import RunError
from mtframework.training.run import Run


def newest_run(folder: Path) -> Run:
    """Returns the run that a folder is, or the newest of the finished runs that it holds.

    Newest is the last by name, where numbers count as numbers: `10` comes after `9`.

    Args:
        folder: A run folder, or one of run folders.

    Raises:
        RunError: It is neither.
    """
    if (folder / "run.json").is_file():
        return Run.open(folder)
    inside = sorted((each for each in folder.glob("*") if each.is_dir()), key=_by_name)
    for each in reversed(inside):
        run = Run(each)
        if run.model_path.is_file() and (each / "run.json").is_file():
            return Run.open(each)
    raise RunError(
        f"{folder} is not a run folder, and holds none that is finished.",
        "The folder of a finished run, or a folder of such folders.",
        "Check the path.",
    )


def state_of(folder: Path) -> tuple[str, int]:
    """Returns what changes when there is a newer model to serve."""
    run = newest_run(folder)
    return run.path.name, run.model_path.stat().st_mtime_ns


def _by_name(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(each.isdigit()), int(each) if each.isdigit() else 0, each) for each in parts]
