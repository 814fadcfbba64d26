"""The folder that a training leaves behind."""

import contextlib
import json
import os
import re
import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import keras

import mtframework
from mtframework.data.dataset import print_to_stderr
from mtframework.errors import RunError
from mtframework.files import lock_folder, write_whole
from mtframework.model.model import MultiTaskModel
from mtframework.registry import load_builtin_parts, load_plugins
from mtframework.serving.fusion import Fusion
from mtframework.training.checkpoints import Checkpoints
from mtframework.training.distribution.at_home import at_home

_MARK = "run.json"


class Run:
    """A run folder.

    ```text
    run.json        which versions and backend made it, the run that it began with, and how
    config.gin      the whole configuration, as resolved; trains the same again
    metrics.jsonl   one line an epoch
    tensorboard/    the same for TensorBoard
    fusion.json     how the tasks' scores are fused, where the experiment says so
    model.keras     the model with its vocabularies and catalogue
    promotion.json  whether it takes the place of the model that it began with, where that was asked
    ```

    While it trains, `checkpoint.keras` is the model after the last epoch, or after one shortly
    before; with early stopping, after the best one. `checkpoints/` holds what the training needs to
    go on if it is interrupted, and `.lock` keeps a second one out.

    Open one with `Run.create`, `Run.resume` or `Run.open`.
    """

    is_resumed = False

    def __init__(self, path: Path):
        self.path = path
        self.config_path = path / "config.gin"
        self.metrics_path = path / "metrics.jsonl"
        self.tensorboard_path = path / "tensorboard"
        self.fusion_path = path / "fusion.json"
        self.model_path = path / "model.keras"
        self.promotion_path = path / "promotion.json"
        self.checkpoint_path = path / "checkpoint.keras"
        self.checkpoints = Checkpoints(path / "checkpoints")
        self._lock: weakref.finalize | None = None

    @classmethod
    def create(
        cls,
        path: str | os.PathLike,
        start: str | os.PathLike | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> "Run":
        """Makes a new run folder.

        Args:
            path: The folder.
            start: The run whose model the training begins with, to be noted down.
            notes: What else to note down, for `notes` to return.

        Raises:
            RunError: The path holds something already, or cannot be written.
        """
        run = cls(Path(path))
        try:
            if run.path.exists() and not run.path.is_dir():
                raise run._taken()
            run.lock()
            if run.holds_something():
                raise run._taken()
            mark = {
                "mtframework": mtframework.__version__,
                "keras": keras.__version__,
                "backend": keras.backend.backend(),
            }
            if start is not None:
                mark["from"] = os.fspath(start)
            mark |= notes or {}
            write_whole(run.path / _MARK, json.dumps(mark, indent=1) + "\n")
        except RunError:
            run.close()
            raise
        return run

    @classmethod
    def resume(cls, path: str | os.PathLike) -> "Run":
        """Opens the run folder of a training that was interrupted, for `train` to go on with.

        Args:
            path: The folder.

        Raises:
            RunError: The path is not a run folder, its training is finished, or another process
                trains into it.
        """
        run = cls(Path(path))
        run._check_mark()
        run.lock()
        if run.model_path.is_file():
            run.close()
            raise RunError(
                f"The training of {run.path} is finished.",
                "One that was interrupted.",
                "Use the run as it is; to train its model further, begin a new run --from it.",
            )
        run.is_resumed = True
        return run

    @property
    def notes(self) -> dict[str, Any]:
        """What was noted down as the training began: versions, and what `create` was given."""
        return json.loads((self.path / _MARK).read_text("utf-8"))

    @property
    def began_with(self) -> Path | None:
        """The run whose model the training began with; None where it began anew."""
        start = self.notes.get("from")
        return None if start is None else Path(start)

    def lock(self) -> None:
        """Keeps other processes out until `close`, or until this process ends.

        Raises:
            RunError: Another process, or another `Run`, writes into the folder.
        """
        lock = lock_folder(self.path)
        self._lock = weakref.finalize(self, _release_lock, lock, self.path / ".lock")

    def close(self) -> None:
        """Lets others have the folder."""
        if self._lock is not None:
            self._lock()

    def begin_again(self) -> None:
        """Removes what a training wrote that was interrupted before its first checkpoint."""
        shutil.rmtree(self.tensorboard_path, ignore_errors=True)
        for path in (self.metrics_path, self.checkpoint_path):
            path.unlink(missing_ok=True)

    def holds_something(self) -> bool:
        """Returns whether the folder is there and holds more than a lock or half-written files."""
        hidden = re.compile(r"\.lock|\..*\.\d+")
        return self.path.exists() and any(
            not hidden.fullmatch(each.name) for each in self.path.iterdir()
        )

    def _taken(self) -> RunError:
        if (self.path / _MARK).is_file() and not self.model_path.exists():
            return RunError(
                f"{self.path} holds a training that was interrupted.",
                "A new or an empty folder: no run is ever overwritten.",
                "Go on with it by --resume (in Python, mtframework.Run.resume), or name another "
                "folder.",
            )
        return RunError(
            f"{self.path} exists and is not empty.",
            "A new or an empty folder: no run is ever overwritten.",
            "Name another folder, or remove this one.",
        )

    def remove_unless_begun(self) -> None:
        """Removes the folder of a training that failed before its first epoch was written down.

        So a start that failed does not stand in the way of the corrected one.
        """
        written = (self.metrics_path, self.checkpoint_path, self.model_path)
        written = (*written, *self.checkpoints.paths())
        if not any(path.exists() and path.stat().st_size for path in written):
            shutil.rmtree(self.path, ignore_errors=True)
        self.close()

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Run":
        """Opens the run folder of a finished training.

        Raises:
            RunError: The path is not a run folder, has no model, or belongs to a newer version.
        """
        run = cls(Path(path))
        run._check_mark()
        if not run.model_path.is_file():
            raise RunError(
                f"{run.path} has no {run.model_path.name}: its training did not finish.",
                "A finished run.",
                f"Go on with it: mtframework train EXPERIMENT --run {run.path} --resume.",
            )
        return run

    def _check_mark(self) -> None:
        if not (self.path / _MARK).is_file():
            raise RunError(
                f"{self.path} is not a run folder: it has no {_MARK}.",
                "A folder that mtframework train --run wrote.",
                "Check the path.",
            )
        written_by = _version(self.path / _MARK)
        if _release(written_by) > _release(mtframework.__version__):
            raise RunError(
                f"{self.path} was written by mtframework {written_by}.",
                f"At most {mtframework.__version__}, which is what is installed.",
                "Install the newer version.",
            )

    def write_config(self, text: str) -> None:
        """Writes the resolved configuration."""
        write_whole(self.config_path, text)

    def save_fusion(self, fusion: Fusion) -> None:
        """Writes how the tasks' scores are fused, so that a run serves without its experiment."""
        write_whole(self.fusion_path, json.dumps({"weights": dict(fusion.weights)}) + "\n")

    def load_fusion(self) -> Fusion | None:
        """Returns how the tasks' scores are fused; None where the experiment does not say.

        Raises:
            RunError: The file is there and holds something else.
        """
        if not self.fusion_path.exists():
            return None
        try:
            return Fusion(**json.loads(self.fusion_path.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(
                f"{self.fusion_path} cannot be read: {type(error).__name__}: {error}.",
                "A file that mtframework train wrote.",
                f"Train again from {self.config_path}, or write it as in another run.",
            ) from error

    def save_promotion(self, decided: Mapping[str, Any]) -> None:
        """Writes whether the model takes the place of the one that training began with.

        Raises:
            RunError: It cannot be written.
        """
        write_whole(self.promotion_path, json.dumps(decided, indent=1) + "\n")

    def load_promotion(self) -> dict[str, Any] | None:
        """Returns what `save_promotion` wrote; None where it has not been decided."""
        if not self.promotion_path.exists():
            return None
        return json.loads(self.promotion_path.read_text("utf-8"))

    def save_model(self, model: MultiTaskModel) -> None:
        """Writes the trained model; a reader never sees a part of it.

        Raises:
            RunError: It cannot be written; the checkpoints stay.
        """
        self._save(model, self.model_path)
        self.remove_checkpoints()

    def remove_checkpoints(self) -> None:
        """Removes what only a training that goes on needs."""
        self.checkpoint_path.unlink(missing_ok=True)
        self.checkpoints.remove()

    def save_checkpoint(self, model: MultiTaskModel) -> None:
        """Writes the model as it is after an epoch, over that of the epoch before.

        Where it cannot be written, that is told, and the one of before stays.
        """
        try:
            self._save(model, self.checkpoint_path)
        except RunError as error:
            print_to_stderr(f"{error.found} Training goes on without this checkpoint.")

    def _save(self, model: MultiTaskModel, path: Path) -> None:
        partial = self.path / "partial.keras"
        try:
            with at_home(model):
                model.save(partial)
            os.replace(partial, path)
        except OSError as error:
            raise RunError(
                f"{path} cannot be written: {error.strerror or error}.",
                "Space on the disk, and a folder that can be written.",
                "Free some space; --resume then goes on from the last checkpoint.",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def load_model(self) -> MultiTaskModel:
        """Returns the trained model."""
        return load_model(self.model_path)


def load_model(path: str | os.PathLike) -> MultiTaskModel:
    """Returns a saved model, in a process that need not have imported its parts.

    The built-in parts and those of installed plugins are imported first;
    `keras.saving.load_model` does the rest.

    Args:
        path: A `.keras` file that `MultiTaskModel.save` wrote.

    Raises:
        RunError: The file cannot be read as a model; the message names plugins that failed.
    """
    load_builtin_parts()
    failed = load_plugins()
    try:
        return keras.saving.load_model(path)
    except Exception as error:  # Keras raises whatever the damage leads to
        plugins = " ".join(each.found for each in failed)
        raise RunError(
            f"{path} cannot be loaded: {type(error).__name__}: {error}",
            "A complete .keras file, and every part that its model is made of. " + plugins,
            "Check the path; install or name the plugin that the model needs; or train again.",
        ) from error


def _release_lock(lock: IO[str], path: Path) -> None:
    with contextlib.suppress(OSError):  # who may not write here any more leaves the file
        path.unlink(missing_ok=True)  # while it is held: whoever opened it meanwhile looks again
    lock.close()


def _version(mark: Path) -> str:
    """Returns which version wrote a run folder."""
    try:
        version = json.loads(mark.read_text("utf-8"))["mtframework"]
        if not re.match(r"\d+\.\d+", version):
            raise ValueError(f"{version!r} is not a version")
        return version
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{mark} cannot be read: {type(error).__name__}: {error}.",
            "A file that mtframework train wrote.",
            f"Train again from {mark.with_name('config.gin')}.",
        ) from error


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
