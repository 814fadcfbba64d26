"""The folder that a training leaves behind."""

import json
import os
import re
import shutil
from pathlib import Path

import keras

import mtframework
from mtframework.errors import RunError
from mtframework.model.model import MultiTaskModel
from mtframework.registry import load_builtin_parts, load_plugins
from mtframework.serving.fusion import Fusion

_MARK = "run.json"


class Run:
    """A run folder.

    ```text
    run.json        which versions and backend made it, and the run that it began with
    config.gin      the whole configuration, as resolved; trains the same again
    metrics.jsonl   one line an epoch
    tensorboard/    the same for TensorBoard
    fusion.json     how the tasks' scores are fused, where the experiment says so
    model.keras     the model with its vocabularies and catalogue
    ```

    While it trains, `checkpoint.keras` is the model after the last epoch; with early stopping,
    after the best one.

    Open one with `Run.create` or `Run.open`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config_path = path / "config.gin"
        self.metrics_path = path / "metrics.jsonl"
        self.tensorboard_path = path / "tensorboard"
        self.fusion_path = path / "fusion.json"
        self.model_path = path / "model.keras"
        self.checkpoint_path = path / "checkpoint.keras"

    @classmethod
    def create(cls, path: str | os.PathLike, start: str | os.PathLike | None = None) -> "Run":
        """Makes a new run folder.

        Args:
            path: The folder.
            start: The run whose model the training begins with, to be noted down.

        Raises:
            RunError: The path holds something already, or cannot be written.
        """
        run = cls(Path(path))
        try:
            if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
                raise RunError(
                    f"{run.path} exists and is not empty.",
                    "A new or an empty folder: no run is ever overwritten.",
                    "Name another folder, or remove this one.",
                )
            run.path.mkdir(parents=True, exist_ok=True)
            mark = {
                "mtframework": mtframework.__version__,
                "keras": keras.__version__,
                "backend": keras.backend.backend(),
            }
            if start is not None:
                mark["from"] = os.fspath(start)
            run._write(run.path / _MARK, json.dumps(mark, indent=1) + "\n")
        except OSError as error:
            raise RunError(
                f"{run.path} cannot be written: {error.strerror or error}.",
                "A folder that can be written.",
                "Name another folder, or correct its permissions or the disk's free space.",
            ) from error
        return run

    def remove_unless_begun(self) -> None:
        """Removes the folder of a training that failed before its first epoch was written down.

        So a start that failed does not stand in the way of the corrected one.
        """
        written = (self.metrics_path, self.checkpoint_path, self.model_path)
        if not any(path.exists() and path.stat().st_size for path in written):
            shutil.rmtree(self.path, ignore_errors=True)

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Run":
        """Opens the run folder of a finished training.

        Raises:
            RunError: The path is not a run folder, has no model, or belongs to a newer version.
        """
        run = cls(Path(path))
        if not (run.path / _MARK).is_file():
            raise RunError(
                f"{run.path} is not a run folder: it has no {_MARK}.",
                "A folder that mtframework train --run wrote.",
                "Check the path.",
            )
        written_by = _version(run.path / _MARK)
        if _release(written_by) > _release(mtframework.__version__):
            raise RunError(
                f"{run.path} was written by mtframework {written_by}.",
                f"At most {mtframework.__version__}, which is what is installed.",
                "Install the newer version.",
            )
        if not run.model_path.is_file():
            raise RunError(
                f"{run.path} has no {run.model_path.name}: its training did not finish.",
                "A finished run.",
                f"Train again from {run.config_path}.",
            )
        return run

    def write_config(self, text: str) -> None:
        """Writes the resolved configuration."""
        self._write(self.config_path, text)

    def save_fusion(self, fusion: Fusion) -> None:
        """Writes how the tasks' scores are fused, so that a run serves without its experiment."""
        self._write(self.fusion_path, json.dumps({"weights": dict(fusion.weights)}) + "\n")

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

    def save_model(self, model: MultiTaskModel) -> None:
        """Writes the trained model; a reader never sees a part of it."""
        self._save(model, self.model_path)
        self.checkpoint_path.unlink(missing_ok=True)

    def save_checkpoint(self, model: MultiTaskModel) -> None:
        """Writes the model as it is after an epoch, over that of the epoch before."""
        self._save(model, self.checkpoint_path)

    def _save(self, model: MultiTaskModel, path: Path) -> None:
        partial = self.path / "partial.keras"
        try:
            model.save(partial)
            os.replace(partial, path)
        except OSError as error:
            raise RunError(
                f"{path} cannot be written: {error.strerror or error}.",
                "Space on the disk, and a folder that can be written.",
                "Free some space, or name a folder on another disk.",
            ) from error
        finally:
            partial.unlink(missing_ok=True)

    def load_model(self) -> MultiTaskModel:
        """Returns the trained model."""
        return load_model(self.model_path)

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(text, "utf-8")
        os.replace(partial, path)


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
