"""The checkpoints of a training: the last two are kept."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtframework.errors import RunError
from mtframework.training.checkpoint_file import read_checkpoint, write_checkpoint

_NUM_KEPT = 2
_ENDING = ".checkpoint"


class Checkpoints:
    """A folder of numbered checkpoints.

    Args:
        folder: The folder; it need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def paths(self) -> list[Path]:
        """Returns the files, the oldest one first."""
        return sorted(self.folder.glob(f"[0-9]*{_ENDING}"))

    def save(self, state: Any, arrays: Sequence[np.ndarray]) -> Path:
        """Writes one more checkpoint, and removes all but the last two.

        Raises:
            OSError: It cannot be written; those that are there stay.
        """
        self.folder.mkdir(exist_ok=True)
        paths = self.paths()
        number = int(paths[-1].stem) + 1 if paths else 1
        path = self.folder / f"{number:06d}{_ENDING}"
        write_checkpoint(path, state, arrays)
        for each in self.paths()[:-_NUM_KEPT]:
            each.unlink()
        return path

    def load(self, say: Callable[[str], None]) -> tuple[Any, list[np.ndarray]] | None:
        """Returns what the last whole checkpoint holds; None where there is none.

        Of a damaged one is told, and the one before is taken.

        Raises:
            RunError: All that are there are damaged.
        """
        damage: RunError | None = None
        for path in reversed(self.paths()):
            try:
                found = read_checkpoint(path)
            except RunError as error:
                damage = damage or error
                continue
            if damage is not None:
                say(f"{damage.found} {path.name}, from before it, is taken instead.")
            return found
        if damage is not None:
            raise RunError(
                f"{damage.found} There is no other one that is whole.",
                "At least one whole checkpoint.",
                f"Remove {self.folder}, and the training begins at its start.",
            )
        return None

    def remove(self) -> None:
        """Removes the folder and all that it holds."""
        shutil.rmtree(self.folder, ignore_errors=True)
