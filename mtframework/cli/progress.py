"""What a user sees while a model trains. Imports Keras: for commands to import when they run."""

import time

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from mtframework.cli.errors import console as error_console


def training_progress(name: str) -> keras.callbacks.Callback:
    """Returns a callback that shows a bar on a terminal, and a line an epoch elsewhere."""
    console = error_console()
    return Bar(name, console) if console.is_terminal else Lines(name, console)


class Bar(keras.callbacks.Callback):
    """A live bar over all epochs: step, loss, steps a second, time left.

    Args:
        name: The experiment's name.
        console: Where to show it.
    """

    def __init__(self, name: str, console: Console):
        super().__init__()
        self.name = name
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("step"),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[rate]} steps/s"),
            TimeRemainingColumn(),
            console=console,
        )

    def on_train_begin(self, logs=None):
        self.epochs = self.params["epochs"]
        self.bar = self.progress.add_task(
            self._description(0), total=self.epochs * self.params["steps"], loss="–", rate="–"
        )
        self.began = time.perf_counter()
        self.steps = 0
        self.progress.start()

    def on_epoch_begin(self, epoch, logs=None):
        self.progress.update(self.bar, description=self._description(epoch))

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        rate = self.steps / (time.perf_counter() - self.began)
        self.progress.update(self.bar, advance=1, loss=_loss(logs), rate=f"{rate:.3g}")

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

    def __init__(self, name: str, console: Console):
        super().__init__()
        self.name = name
        self.console = console

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.began
        self.console.print(
            f"{self.name}: epoch {epoch + 1}/{self.params['epochs']}, loss {_loss(logs)}, "
            f"{seconds:.1f} s",
        )

    def close(self) -> None:
        """Does nothing: every line is complete."""


def _loss(logs) -> str:
    return f"{float((logs or {}).get('loss', float('nan'))):.4g}"
