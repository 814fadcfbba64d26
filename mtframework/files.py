"""Text files that a reader never sees a part of."""

import os
from pathlib import Path

from mtframework.errors import RunError


def write_whole(path: Path, text: str) -> None:
    """Writes a text file under a temporary name first, and makes its folder where it lacks.

    Raises:
        RunError: The file cannot be written; what was there before is still there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(text, "utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror}.",
            "A file in a folder that can be written.",
            "Name another one, or correct its permissions or the disk's free space.",
        ) from error
