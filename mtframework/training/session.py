"""The callbacks of a training that can be interrupted, and go on exactly."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mtframework.data.batches import Batches
from mtframework.data.dataset import print_to_stderr
from mtframework.data.streaming.streamed_batches import StreamedBatches
from mtframework.errors import RunError
from mtframework.training.checkpoints import Checkpoints
from mtframework.training.interruption import Interruption
from mtframework.training.random_state import backend_state, set_backend_state
from mtframework.training.variables import assign, values_of, variables_of


class Interrupted(KeyboardInterrupt):
    """The training was asked to end, and did, after a step.

    Args:
        number: The signal that asked.
        where: The step that it ended after.
        folder: The run folder; None where there are no checkpoints.
        is_written: Whether the checkpoint of that step is written.
    """

    def __init__(self, number: int, where: str, folder: Path | None, is_written: bool):
        there = "there" if is_written else "the last checkpoint that could be written"
        goes_on = f"; the same command with --run {folder} --resume goes on from {there}."
        if folder is None:
            goes_on = ", without a checkpoint to go on from."
        super().__init__(f"Interrupted after {where}{goes_on}")
        self.number = number


class Session(keras.callbacks.CallbackList):
    """Calls callbacks as Keras does; beside that, writes checkpoints and goes on from one.

    A checkpoint is written after each epoch, after so many minutes, and where an interruption asks
    for it. Going on, the epoch's batches that were trained on are read and skipped.

    A callback with `get_state()` and `set_state(state)` is kept by them; of another one those
    attributes are kept that are numbers, texts, arrays, or lists and dicts of these. One that has
    `only_shows = True` is left alone.

    Args:
        callbacks: The callbacks.
        batches: What the model is trained on.
        epochs: How many epochs there are in all.
        model: The model, compiled.
        identity: What must be the same to go on, kept in each checkpoint.
        interruption: Whether somebody asks the training to end.
        checkpoints: Where to write; None writes nothing.
        minutes: How long at most until the next checkpoint.
        begun: What a checkpoint held, to go on from; None starts afresh.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        batches: Batches | StreamedBatches,
        epochs: int,
        model: keras.Model,
        identity: Mapping[str, Any],
        interruption: Interruption,
        checkpoints: Checkpoints | None,
        minutes: float,
        begun: tuple[Any, list[np.ndarray]] | None = None,
    ):
        self.batches = batches
        self.identity = identity
        self.interruption = interruption
        self.checkpoints = checkpoints
        self.minutes = minutes
        self.begun = begun
        self.first_epoch, self._num_skipped, is_done = 0, 0, False
        if begun is not None:
            state, _ = begun
            self.first_epoch, self._num_skipped = state["epoch"], state["step"]
            is_done = state["is_done"]
        self.last_epoch = self.first_epoch if is_done else epochs
        num_steps = len(batches)
        before = self.first_epoch * num_steps + self._num_skipped
        super().__init__(
            list(callbacks),
            add_history=True,
            model=model,
            epochs=epochs,
            steps=num_steps,
            steps_before=before,
        )

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._saved = time.monotonic()
        if self.begun is not None:
            self.batches.go_to(self.begun[0]["position"])
            self._restore()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._position = self.batches.position
        super().on_epoch_begin(epoch, logs)
        # Keras draws the order of an epoch's batches from this as the epoch's first one is read.
        self._drawn_from = random.getstate()
        if epoch > self.first_epoch or not self._num_skipped:
            self._num_skipped = 0
            return
        self._restore()  # Keras has reset the metrics, and callbacks have begun the epoch again
        self._drawn_from = random.getstate()
        self._step_function = self.model.train_function
        self.model.train_function = _skip

    def on_train_batch_begin(self, batch, logs=None):
        if batch < self._num_skipped:
            return
        if self.model.train_function is _skip:
            self.model.train_function = self._step_function
            assert self.begun is not None
            set_backend_state(self.begun[0]["backend"])  # torch draws as an epoch's rows are read
        super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        if batch < self._num_skipped:
            return
        super().on_train_batch_end(batch, logs)
        self._drawn = random.getstate()
        if batch + 1 == len(self.batches):
            return  # the epoch's end comes next
        is_due = time.monotonic() - self._saved >= 60 * self.minutes
        if is_due or self.interruption.number is not None:
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            self._save(self._epoch, batch + 1, self._position, is_done=False)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        random.setstate(self._drawn)  # evaluation compiles as well
        is_done = self.model.stop_training or epoch + 1 == self.params["epochs"]
        self._save(epoch + 1, 0, self.batches.position, is_done)

    def _save(self, epoch: int, step: int, position: int, is_done: bool) -> None:
        is_written = True
        if self.checkpoints is not None:
            kind, numbers, *gauss = np.random.get_state()
            python = self._drawn_from if step else random.getstate()
            version, integers, gauss_next = python
            state = {
                "epoch": epoch,
                "step": step,
                "position": position,
                "is_done": is_done,
                "identity": dict(self.identity),
                "callbacks": [[_name(each), _state_of(each)] for each in self._kept()],
                "loss_weights": {n: t.loss_weight for n, t in self.model.tasks.items()},
                "numpy": [kind, numbers, *gauss],
                "python": [version, list(integers), gauss_next],
                "backend": backend_state(),
            }
            try:
                self.checkpoints.save(state, values_of(variables_of(self.model)))
            except OSError as error:
                is_written = False
                print_to_stderr(
                    f"{self.checkpoints.folder} cannot be written: {error.strerror or error}. "
                    "Training goes on without this checkpoint."
                )
        self._saved = time.monotonic()
        if self.interruption.number is not None:
            where = f"step {step} of epoch {epoch + 1}" if step else f"epoch {epoch}"
            folder = None if self.checkpoints is None else self.checkpoints.folder.parent
            raise Interrupted(self.interruption.number, where, folder, is_written)

    def _restore(self) -> None:
        assert self.begun is not None
        state, arrays = self.begun
        assign(variables_of(self.model), arrays)
        there, kept = self._kept(), state["callbacks"]
        if [_name(each) for each in there] != [name for name, _ in kept]:
            raise RunError(
                f"The callbacks are {', '.join(map(_name, there))}.",
                f"Those that the training was begun with: {', '.join(n for n, _ in kept)}.",
                "Give train the same callbacks, in the same order.",
            )
        for callback, (_, each) in zip(there, kept, strict=True):
            _give_state(callback, each)
        for name, weight in state["loss_weights"].items():
            if self.model.tasks[name].loss_weight != weight:
                self.model.tasks[name].loss_weight = weight
        kind, numbers, *gauss = state["numpy"]
        np.random.set_state((kind, numbers, *gauss))
        version, integers, gauss_next = state["python"]
        random.setstate((version, tuple(integers), gauss_next))
        set_backend_state(state["backend"])

    def _kept(self) -> list[keras.callbacks.Callback]:
        """Returns the callbacks whose state counts; one that only shows something has none."""
        return [each for each in self.callbacks if not getattr(each, "only_shows", False)]


def _skip(state, data=None):
    """Takes the place of a training step for batches that were trained on before."""
    is_jax = keras.backend.backend() == "jax"
    batches = data if is_jax else state
    if isinstance(batches, Iterator):
        next(batches)  # Keras leaves it to the step to take the batch
    return ({}, state) if is_jax else {}


def _name(callback: keras.callbacks.Callback) -> str:
    return type(callback).__name__


def _state_of(callback: keras.callbacks.Callback) -> Any:
    if hasattr(callback, "get_state"):
        return callback.get_state()
    own = {name: value for name, value in vars(callback).items() if name not in _OF_KERAS}
    return {name: value for name, value in own.items() if _is_plain(value)}


def _give_state(callback: keras.callbacks.Callback, state: Any) -> None:
    if hasattr(callback, "set_state"):
        callback.set_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, value)


_OF_KERAS = ("params", "_model", "model", "validation_data")


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str, np.generic, np.ndarray))
