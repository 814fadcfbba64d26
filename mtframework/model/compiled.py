"""What a model computes when it serves, compiled as Keras compiles `predict`."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

Columns = Mapping[str, Any]
Function = Callable[[Columns], Columns]


class Compiled(keras.Model):
    """A function of columns that reads a model's weights, compiled where the backend compiles.

    Run layer by layer, what one query costs is Keras's bookkeeping. The weights are read at every
    call, so that it stays right when they change.

    What is compiled holds for one number of rows on JAX: there the rows are made up to a power of
    two, so that few numbers are compiled for.

    Args:
        model: The model whose weights the function reads.
        function: Columns by name, `[num_rows, ...]`, in and out; each row by itself.
        precomputed: What `precompute` returned of towers that look up in place of computing it
            each time: `{tower: [num_ids, dim]}`.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[1.0], [2.0]])])
    >>> compiled = Compiled(model, lambda columns: {"sum": model(columns["numbers"])})
    >>> compiled.run({"numbers": np.array([[3.0, 4.0]], "float32")})["sum"].tolist()
    [[11.0]]
    """

    def __init__(
        self,
        model: keras.Model,
        function: Function,
        precomputed: Mapping[str, np.ndarray] | None = None,
    ):
        super().__init__()
        self.model = model  # Keras finds its weights here
        self.function = function
        self.tables = {}
        for name, table in (precomputed or {}).items():
            self.tables[name] = self.add_weight(
                table.shape, "zeros", table.dtype.name, trainable=False, name=name
            )
            self.tables[name].assign(table)
        self.built = True
        self.pads = keras.backend.backend() == "jax"
        self.jit_compile = self.pads  # TensorFlow's XLA would compile for every number of rows

    def call(self, columns):
        towers = [self.model.towers[name] for name in self.tables]
        try:
            for tower in towers:
                # A plain tensor, since Keras and torch would take a variable for the tower's own.
                tower.precomputed = ops.stop_gradient(self.tables[tower.name].value)
            return self.function(columns)
        finally:
            for tower in towers:
                tower.precomputed = None

    def run(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns what the function makes of encoded columns, `[num_rows, ...]` each."""
        num_rows = len(next(iter(columns.values())))
        if self.pads:
            more = (1 << max(num_rows - 1, 0).bit_length()) - num_rows
            columns = {
                name: np.pad(each, [(0, more), *[(0, 0)] * (each.ndim - 1)])
                for name, each in columns.items()
            }
        return {name: each[:num_rows] for name, each in self.predict_on_batch(columns).items()}
