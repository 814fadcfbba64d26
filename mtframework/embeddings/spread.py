"""Where weights and batches lie on several devices."""

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import keras


class RowLayout(keras.distribution.TensorLayout):
    """Deals the rows of a table out to the devices; what the optimizer remembers lies beside them.

    Args:
        axes: As Keras takes them.
        device_mesh: As Keras takes it.
        num_rows: How many rows the table has; those behind them fill the last device's share up.
    """

    def __init__(self, axes, device_mesh, num_rows: int):
        super().__init__(axes, device_mesh)
        self.num_rows = num_rows


class Spread(keras.distribution.DataParallel):
    """Gives each device an equal share of each batch, all weights, and rows of large tables.

    Args:
        min_rows: Tables of at least so many rows are dealt out by rows; None deals out none.
    """

    def __init__(self, min_rows: int | None = None):
        super().__init__(auto_shard_dataset=False)  # each process feeds its own share
        self.min_rows = min_rows
        self._num_rows: int | None = None

    @property
    def num_devices(self) -> int:
        """How many devices share a batch, those of all processes."""
        return self.device_mesh.devices.size

    def get_variable_layout(self, variable):
        """Returns the layout of a new weight; Keras calls this."""
        if self._num_rows is None or getattr(variable, "_layout", None) is not None:
            return super().get_variable_layout(variable)
        axes = (self.batch_dim_name, *[None] * (len(variable.shape) - 1))
        return RowLayout(axes, self.device_mesh, self._num_rows)

    def get_data_layout(self, data_shape):
        """Returns the layout of a column of a batch; an entry without numbers is not shared."""
        if 0 in data_shape:
            return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
        return super().get_data_layout(data_shape)

    @contextlib.contextmanager
    def dealing_out(self, num_rows: int) -> Iterator[None]:
        """Deals out by rows the weight that is made meanwhile."""
        self._num_rows = num_rows
        try:
            yield
        finally:
            self._num_rows = None


@contextlib.contextmanager
def rows_of_new_table(num_rows: int) -> Iterator[int]:
    """Gives how many rows the weight of a new table needs, which is to be made meanwhile.

    Where the distribution in force deals its rows out, they are filled up to as many for each
    device; elsewhere they are as many as are asked for.
    """
    spread: Any = keras.distribution.distribution()
    if not isinstance(spread, Spread) or spread.min_rows is None or num_rows < spread.min_rows:
        yield num_rows
        return
    share = -(-num_rows // spread.num_devices)
    with spread.dealing_out(num_rows):
        yield share * spread.num_devices


def layout_of(variable: keras.Variable) -> keras.distribution.TensorLayout | None:
    """Returns where a weight lies; None where it was made on one device."""
    return cast(Any, getattr(variable, "_layout", None))
