"""How a training is spread over devices."""

from functools import partial
from typing import Literal

import keras

from mtframework.arguments import check_choice, is_whole_number, wrong_argument
from mtframework.embeddings.spread import Spread
from mtframework.errors import ModelError

_wrong = partial(wrong_argument, "A Distribution", place="Distribution")


class Distribution:
    """Trains one model on all devices of one machine, or of many.

    Each device computes an equal share of each batch, and the sums go over the whole batch: the
    negatives, means and metrics are those of one device with that batch. It is
    `keras.distribution`, and needs the JAX backend. For many machines, the same command runs on
    each, with Keras's environment variables; see the page "Many hosts".

    Args:
        tables: `"copies"` gives each device all embedding tables. `"rows"` gives each device its
            part of the rows of large ones, and of what the optimizer remembers of them.
        min_rows: With `"rows"`, tables of fewer rows are copied: looking rows up elsewhere costs
            traffic.

    Raises:
        ModelError: An argument is out of its range.

    Example:

    >>> mtf.Distribution(tables="rows", min_rows=1_000_000).min_rows
    1000000
    """

    def __init__(self, tables: Literal["copies", "rows"] = "copies", min_rows: int = 100_000):
        check_choice("A Distribution", "tables", tables, ("copies", "rows"))
        if not is_whole_number(min_rows) or min_rows < 1:
            raise _wrong("min_rows", min_rows, "A whole number of at least 1.")
        self.tables = tables
        self.min_rows = min_rows

    def spread(self) -> Spread:
        """Returns how Keras has it, over all devices that there are.

        Raises:
            ModelError: Keras runs on another backend than JAX.
        """
        backend = keras.backend.backend()
        if backend != "jax":
            raise ModelError(
                f"Experiment.distribution is set, and Keras runs on {backend}.",
                "The JAX backend, the one on which Keras trains on several devices and hosts.",
                "Set KERAS_BACKEND=jax, or leave Experiment.distribution out.",
            )
        return Spread(self.min_rows if self.tables == "rows" else None)
