"""Results of runs that are kept, so that what was interrupted goes on where it stood."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import keras

from mtframework.errors import RunError
from mtframework.evaluation.compare import Comparison
from mtframework.files import write_whole


class FinishedRuns:
    """A folder with one JSON file a run.

    A result counts for exactly the configuration, split and backend that it was made with. What it
    cannot see is a change of the framework's own code: then take another folder.

    Args:
        folder: The folder; it need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def find(self, name: str, fingerprint: str, split: str) -> Comparison | None:
        """Returns the result of a run that was kept, None where there is none.

        Args:
            name: The experiment's name.
            fingerprint: The hash of the configuration that it was made from, its seed included.
            split: The rows that it was judged by.

        Raises:
            RunError: The file is damaged.
        """
        path = self._path(name, fingerprint, split)
        if not path.exists():
            return None
        try:
            kept = json.loads(path.read_text("utf-8"))
            # An earlier version did not keep which way a metric is better: that run is made again.
            return Comparison(**kept) if "lower_is_better" in kept else None
        except (OSError, ValueError, TypeError) as error:
            raise RunError(
                f"{path} cannot be read: {type(error).__name__}: {error}.",
                "A file that an earlier comparison wrote.",
                "Remove the file; the run is then made again.",
            ) from error

    def keep(self, fingerprint: str, split: str, result: Comparison) -> None:
        """Writes a result, whole or not at all."""
        path = self._path(result.experiment, fingerprint, split)
        write_whole(path, json.dumps(asdict(result), indent=1) + "\n")

    def _path(self, name: str, fingerprint: str, split: str) -> Path:
        made_from = "\n".join((keras.backend.backend(), split, name, fingerprint))
        digest = hashlib.sha256(made_from.encode()).hexdigest()[:16]
        return self.folder / f"{name}-{digest}.json"
