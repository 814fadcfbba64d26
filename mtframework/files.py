"""Files that a reader never sees a part of."""

import contextlib
import glob
import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO

from mtframework.errors import RunError


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives the path to write to, and puts the file in its place when all of it is written.

    A file that is there is replaced in one step and keeps its mode; of a symbolic link, the file
    that it leads to. A device or a pipe cannot be replaced: it is written as it is.
    Where an error or Ctrl-C comes between, nothing is left and what was there is still there.

    Args:
        path: Where the file shall be.

    Raises:
        OSError: It cannot be written.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "result.json"
    >>> with written_whole(path) as partial:
    ...     written = partial.write_text("{}")
    >>> path.read_text()
    '{}'
    """
    is_open_elsewhere = str(path).startswith(("/dev/", "/proc/"))
    if is_open_elsewhere or (path.exists() and not path.is_file()):
        yield path
        return
    place = path.resolve() if path.is_symlink() else path
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    for left in place.parent.glob(f".{glob.escape(place.name)}.*"):
        if not _is_alive(left.suffix[1:]):
            left.unlink(missing_ok=True)
    try:
        yield partial
        if place.exists():
            shutil.copymode(place, partial)
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all, and makes its folder where it lacks.

    Raises:
        RunError: The file cannot be written; what was there before is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial:
            partial.write_text(text, "utf-8")
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror}.",
            "A file in a folder that can be written.",
            "Name another one, or correct its permissions or the disk's free space.",
        ) from error


def lock_folder(folder: Path) -> IO[str]:
    """Makes a folder, locks it for this process, and returns the lock, which holds while open.

    The lock dies with its process, however that ends.

    Raises:
        RunError: Another process has the folder, or it cannot be written.
    """
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - it is returned
    except OSError as error:
        raise RunError(
            f"{folder} cannot be written: {error.strerror}.",
            "A folder that can be written.",
            "Name another folder.",
        ) from error
    fcntl = _fcntl()
    if fcntl is None:
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise RunError(
            f"{folder} is in use by another process{f', {owner}' if owner else ''}.",
            "A folder that no other process writes to.",
            "Wait until it ends, or name another folder.",
        ) from None
    if not path.exists() or path.stat().st_ino != os.fstat(lock.fileno()).st_ino:
        lock.close()  # its owner removed it as it let go
        return lock_folder(folder)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


@contextlib.contextmanager
def locked(file: IO) -> Iterator[None]:
    """Waits until no other process holds an open file's lock, and holds it meanwhile."""
    fcntl = _fcntl()
    if fcntl is None:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _fcntl() -> ModuleType | None:
    """Returns the module that locks files; None on Windows, which has no such locks."""
    try:
        return importlib.import_module("fcntl")
    except ModuleNotFoundError:
        return None


def _is_alive(process: str) -> bool:
    """Returns whether a process of that number runs; a text that is not a number is left alone."""
    if not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
