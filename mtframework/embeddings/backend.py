"""What row-wise updates need of a backend: the contract, and where it is implemented."""

import importlib
from typing import Any, Protocol, cast

import keras


class Rows(Protocol):
    """A module of this package, one for each backend."""

    def look_up(self, table: keras.Variable, ids) -> Any:
        """Returns rows, `[..., dim]` of ids `[...]`, whose gradient is one of rows."""
        ...

    def refuse_whole(self, table: keras.Variable) -> None:
        """Raises a `ModelError` where a training step cannot see what a whole table is read for."""

    def ids_and_gradients(self, gradient) -> tuple[Any, Any]:
        """Returns ids, `[num]` int32 with repetitions, and the gradient of each, `[num, dim]`."""
        ...

    def read(self, variable: keras.Variable, ids) -> Any:
        """Returns rows of a variable, `[num, ...]` of ids `[num]`, and copies no others."""
        ...

    def write(self, variable: keras.Variable, ids, rows) -> None:
        """Replaces rows; where an id repeats, so does its row."""

    def train_step(self, model, plain_step, *arguments) -> Any:
        """Makes a training step as Keras's does; `plain_step` is Keras's own."""
        ...


def rows_of_backend() -> Rows:
    """Returns the module of the backend that Keras runs on.

    Raises:
        ImportError: The backend trains no models, such as NumPy.
    """
    module = importlib.import_module(f"mtframework.embeddings.{keras.backend.backend()}_rows")
    return cast(Rows, module)
