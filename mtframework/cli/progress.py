"""What a user sees while a model trains. Imports Keras: for commands to import when they run."""

import time
from collections.abc import Mapping
from typing import Any

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mtframework.cli.errors import console as error_console


def training_progress(name: str) -> keras.callbacks.Callback:
    """Returns a callback that shows a bar on a terminal, and a line an epoch elsewhere."""
    console = error_console()
    return Bar(name, console) if console.is_terminal else Lines(name, console)


class TwoLines(Progress):
    """A bar, and below it how the loss stands: on one line, 80 columns would cut off both."""

    def get_renderables(self):
        yield from super().get_renderables()
        yield from (Text(task.fields["loss"]) for task in self.tasks)


class Bar(keras.callbacks.Callback):
    """A live bar over all epochs: step, steps a second, time left; loss and the tasks' shares.

    Args:
        name: The experiment's name.
        console: Where to show it.
    """

    only_shows = True

    def __init__(self, name: str, console: Console):
        super().__init__()
        self.name = name
        self.progress = TwoLines(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("step"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} steps/s"),
            TimeRemainingColumn(),
            console=console,
        )

    def on_train_begin(self, logs=None):
        self.epochs = self.params["epochs"]
        self.bar = self.progress.add_task(
            self._description(0),
            total=self.epochs * self.params["steps"],
            completed=self.params.get("steps_before", 0),
            loss="",
            rate="–",
        )
        self.began = time.perf_counter()
        self.steps = 0
        self.progress.start()

    def on_epoch_begin(self, epoch, logs=None):
        self.progress.update(self.bar, description=self._description(epoch))

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        rate = self.steps / (time.perf_counter() - self.began)
        self.progress.update(self.bar, advance=1, loss=loss_in_short(logs), rate=f"{rate:.3g}")

    def on_train_end(self, logs=None):
        self.close()

    def close(self) -> None:
        """Ends the live display, also where training ended with an error."""
        self.progress.stop()

    def _description(self, epoch: int) -> str:
        return f"{self.name}: epoch {epoch + 1}/{self.epochs}"


class Lines(keras.callbacks.Callback):
    """One line an epoch.

    Args:
        name: The experiment's name.
        console: Where to print them.
    """

    only_shows = True

    def __init__(self, name: str, console: Console):
        super().__init__()
        self.name = name
        self.console = console

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.began
        self.console.print(
            f"{self.name}: epoch {epoch + 1}/{self.params['epochs']}, {loss_in_short(logs)}, "
            f"{seconds:.1f} s",
        )

    def close(self) -> None:
        """Does nothing: every line is complete."""


def loss_in_short(logs: Mapping[str, Any] | None) -> str:
    """Returns the loss, each task's share of it, and the lowest cosine of two tasks' gradients.

    A task's share is left out where there is only one, a cosine where none was measured.

    >>> loss_in_short({"loss": 2.5, "rating/share": 0.2, "watch/share": 0.8})
    'loss 2.5 (rating 20%, watch 80%)'
    >>> loss_in_short({"loss": 1.0, "gradient_cosine/rating/watch": -0.25})
    'loss 1, lowest cosine -0.25'
    """
    logs = {name: float(value) for name, value in (logs or {}).items()}
    text = f"loss {logs.get('loss', float('nan')):.4g}"
    shares = {
        name.removesuffix("/share"): share
        for name, share in logs.items()
        if name.endswith("/share")
    }
    if len(shares) > 1:
        text += f" ({', '.join(f'{task} {share:.0%}' for task, share in shares.items())})"
    cosines = [value for name, value in logs.items() if name.startswith("gradient_cosine/")]
    return f"{text}, lowest cosine {min(cosines):.2f}" if cosines else text
