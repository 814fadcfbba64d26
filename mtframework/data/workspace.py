"""A folder to build data in, beside where they go, that leaves nothing half-built behind."""

import contextlib
import errno
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mtframework.errors import DataError

_PREFIX = ".mtframework-"
_ABANDONED_SECONDS = 3600


@contextlib.contextmanager
def workspace(root: Path, name: str, room: str, choices: str) -> Iterator[Path]:
    """Makes a temporary folder in `root`, and removes it whatever happens.

    What is ready is moved out of it whole, by `move_into_place`: within one file system a move is
    one step. Folders of processes that were killed an hour ago or earlier are removed, too.

    Args:
        root: The data folder, made where it is not there.
        name: What the data are called in errors.
        room: How much room they take, as a sentence: "75 MB while …".
        choices: How a user names another folder: "data_dir or TFDS_DATA_DIR".

    Raises:
        DataError: The disk is full, or the folder cannot be written to.

    Example:

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> with workspace(root, "Toys", "1 kB.", "data_dir") as folder:
    ...     _ = (folder / "toys.txt").write_text("ball")
    ...     move_into_place(folder / "toys.txt", root / "toys.txt")
    >>> [each.name for each in root.iterdir()]
    ['toys.txt']
    """
    with _disk_errors(root, name, room, choices):
        root.mkdir(parents=True, exist_ok=True)
        for each in root.glob(f"{_PREFIX}*"):
            if each.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                shutil.rmtree(each, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=root) as folder:
            yield Path(folder)


def move_into_place(built: Path, target: Path) -> None:
    """Moves a file or a folder where it belongs, whole or not at all.

    Of two processes that build the same folder the first to finish wins, and the other's is
    dropped; a file takes the place of one that is there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        built.replace(target)
    except OSError as error:
        # Another process was quicker, and what it moved there is as whole as this.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


@contextlib.contextmanager
def _disk_errors(root: Path, name: str, room: str, choices: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"The disk of {root} is full: {error}.",
                room,
                f"Free some space, or name another folder with {choices}.",
            ) from error
        raise DataError(
            f"{name} cannot be written to {root}: {error}.",
            "A folder that can be written to.",
            f"Fix its permissions, or name another folder with {choices}.",
        ) from error
