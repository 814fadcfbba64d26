"""What is written while a model trains."""

import json
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.data.dataset import print_to_stderr
from mtframework.errors import ModelError, quoted_list
from mtframework.files import written_whole
from mtframework.training.event_records import first_record, records_of
from mtframework.training.run import Run


class _Writer(keras.callbacks.Callback):
    """Writes of each epoch what training does not depend on.

    Where it cannot be written, training goes on, and all of it is written as soon as that is
    possible again.

    Args:
        path: Where to write.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self.is_whole = True

    def append(self) -> None:
        """Writes what the last epoch adds."""
        raise NotImplementedError

    def write_all(self) -> None:
        """Writes everything in place of all that is there."""
        raise NotImplementedError

    def write(self, anew: bool = False) -> None:
        """Appends, or writes everything where asked or where something is missing.

        Of an error it tells once.
        """
        try:
            if self.is_whole and not anew:
                self.append()
            else:
                self.write_all()
        except OSError as error:
            if self.is_whole:
                reason = error.strerror or error
                print_to_stderr(
                    f"{self.path} cannot be written: {reason}. Training goes on without it."
                )
            self.is_whole = False
            return
        if not self.is_whole:
            print_to_stderr(f"{self.path} is written again, with all epochs.")
        self.is_whole = True

    def on_train_end(self, logs=None):
        if not self.is_whole:
            self.write()


class MetricsWriter(_Writer):
    """Writes each epoch's metrics as one JSON line: `epoch`, `seconds` and every metric.

    Args:
        path: The file; lines are appended.
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self._lines: list[str] = []

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        line = {"epoch": epoch + 1, "seconds": time.perf_counter() - self._began, **(logs or {})}
        text = json.dumps({name: float(value) for name, value in line.items()}) + "\n"
        self._lines.append(text)
        self.write()
        self._began = time.perf_counter()

    def append(self) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self._lines[-1])

    def write_all(self) -> None:
        with written_whole(self.path) as partial:
            partial.write_text("".join(self._lines), "utf-8")

    def get_state(self) -> dict:
        """Returns the lines of the epochs so far, and how long this one has taken."""
        return {"lines": self._lines, "seconds": time.perf_counter() - self._began}

    def set_state(self, state: dict) -> None:
        """Makes the file what it was when `get_state` gave this."""
        self._lines = list(state["lines"])
        self._began = time.perf_counter() - state["seconds"]
        self.write(anew=True)


class TensorBoardWriter(_Writer):
    """Writes each epoch's metrics for TensorBoard, with or without TensorFlow.

    Args:
        path: The folder of the event file.
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self._epochs: list[dict] = []
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self._file = path / name
        self._before: list[Path] = []  # files whose epochs are in the new one

    def on_epoch_end(self, epoch, logs=None):
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._epochs.append({"epoch": epoch + 1, "time": time.time(), "values": values})
        self.write()

    def append(self) -> None:
        if not self._file.exists():
            self.write_all()
            return
        with self._file.open("ab") as file:
            file.write(self._records(self._epochs[-1:]))

    def write_all(self) -> None:
        self.path.mkdir(exist_ok=True)
        with written_whole(self._file) as partial:
            partial.write_bytes(first_record(time.time()) + self._records(self._epochs))
        for each in self._before:
            each.unlink(missing_ok=True)
        self._before = []

    def get_state(self) -> list[dict]:
        """Returns what was written so far."""
        return self._epochs

    def set_state(self, state: list[dict]) -> None:
        """Writes anew what was written when `get_state` gave this, in place of all that is there.

        Of an interrupted training, event files may hold an epoch that is trained again.
        """
        self._epochs = list(state)
        files = self.path.glob("events.out.tfevents.*")
        self._before = [each for each in files if each != self._file]
        self.write(anew=True)

    def _records(self, epochs: Sequence[Mapping[str, Any]]) -> bytes:
        return b"".join(records_of(each["values"], each["epoch"], each["time"]) for each in epochs)


class CheckpointWriter(keras.callbacks.Callback):
    """Writes the model after an epoch, unless its last step left it with weights that are no
    numbers.

    After short epochs it is written now and then, so that it takes a hundredth of the time.

    Args:
        run: The run folder.
    """

    only_shows = True  # nothing that training depends on

    def __init__(self, run: Run):
        super().__init__()
        self.run = run
        self._not_before = 0.0

    def on_epoch_end(self, epoch, logs=None):
        began = time.monotonic()
        weights = self.model.trainable_variables
        is_due = began >= self._not_before
        if is_due and all(np.isfinite(ops.convert_to_numpy(each)).all() for each in weights):
            self.run.save_checkpoint(self.model)
            ended = time.monotonic()
            self._not_before = ended + 100 * (ended - began)


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Ends training with an error that names the task whose loss is no longer a number.

    Args:
        run: The run folder, whose last checkpoint the error names.
    """

    def __init__(self, run: Run | None = None):
        super().__init__()
        self.run = run
        self._step = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1

    def on_train_batch_begin(self, batch, logs=None):
        self._step = batch + 1

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs or {})

    def explain(self, batches) -> None:
        """Raises the error of a loss that is not a number, if that is why training failed.

        On TensorFlow, Keras's updates of embedding tables may fail at gradients that are no
        numbers, before a callback is told of the loss. Other backends tell it first, and JAX has
        no state to look at after a step that failed.

        Args:
            batches: What the model was trained on.
        """
        if keras.backend.backend() != "tensorflow" or not self._step:
            return
        state = [*self.model.optimizer.variables, *self.model.trainable_variables]
        if not all(np.isfinite(ops.convert_to_numpy(each)).all() for each in state):
            steps = self._step  # up to the one that failed, in the order of this epoch
            self._check(self.model.evaluate(batches, steps=steps, verbose=0, return_dict=True))

    def _check(self, logs) -> None:
        if np.isfinite(float(logs.get("loss", 0.0))):
            return
        tasks = [name.removesuffix("/loss") for name in logs if name.endswith("/loss")]
        with np.errstate(over="ignore", invalid="ignore"):
            weighted = {
                task: np.float32(logs[f"{task}/loss"]) * np.float32(logs[f"{task}/weight"])
                for task in tasks
            }
        bad = [task for task, loss in weighted.items() if not np.isfinite(loss)]
        raise ModelError(
            f"The loss is {float(logs['loss'])} at step {self._step} of epoch {self._epoch}"
            + (f", from the task{'s' * (len(bad) > 1)} {quoted_list(bad)}." if bad else "."),
            "A finite loss.",
            "Lower the learning rate, look for extreme values in the labels and features, or "
            f"lower the task's loss_weight. {self._last_good()}",
        )

    def _last_good(self) -> str:
        if self.run is None or not self.run.checkpoint_path.exists():
            return "There is no checkpoint from before it."
        return f"The last good checkpoint is {self.run.checkpoint_path}."
