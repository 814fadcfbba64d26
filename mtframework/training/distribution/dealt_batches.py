"""Batches of which each process feeds its share."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mtframework.data.batches import Batches
from mtframework.data.streaming.streamed_batches import StreamedBatches
from mtframework.errors import DataError, MtframeworkError
from mtframework.model.counted import COUNTED


class DealtBatches(keras.utils.PyDataset):
    """Gives this process's share of each batch; all shares together are the batch.

    The devices share a batch evenly. Of the last one of an epoch, which may have any number of
    rows, those that are left over are left out; or they are filled up to as many as the devices
    can share, with rows that do not count.

    Args:
        batches: The whole batches, the same in all processes.
        num_devices: How many devices share a batch, those of all processes.
        num_processes: How many processes feed them.
        process_id: Which of them this one is.
        fills_up: Whether to fill the last batch up instead of leaving rows out.

    Raises:
        DataError: The devices cannot share a batch, or there are more of them than rows.

    Example:

    >>> batches = mtf.Batches({"user": np.arange(7)}, ["user"], batch_size=4, shuffle=False)
    >>> second = DealtBatches(batches, num_devices=2, num_processes=2, process_id=1)
    >>> [second[each][0]["user"].tolist() for each in range(len(second))]
    [[2, 3], [5]]
    """

    def __init__(
        self,
        batches: Batches | StreamedBatches,
        num_devices: int,
        num_processes: int = 1,
        process_id: int = 0,
        fills_up: bool = False,
    ):
        super().__init__()
        if batches.batch_size % num_devices:
            raise DataError(
                f"batch_size is {batches.batch_size}, and {num_devices} devices share a batch.",
                f"A multiple of {num_devices}.",
                "Set Experiment.batch_size to "
                f"{-(-batches.batch_size // num_devices) * num_devices}.",
            )
        if batches.num_rows < num_devices and not fills_up:
            raise DataError(
                f"There are {batches.num_rows} rows for {num_devices} devices.",
                "At least one row for each device.",
                "Train on fewer devices.",
            )
        self.batches = batches
        self.batch_size = batches.batch_size
        self.num_rows = batches.num_rows
        self.num_devices = num_devices
        self.num_processes = num_processes
        self.process_id = process_id
        self.fills_up = fills_up

    @property
    def num_left_out(self) -> int:
        """How many rows of an epoch are left out."""
        return 0 if self.fills_up else self.num_rows % self.batch_size % self.num_devices

    @property
    def error(self) -> MtframeworkError | None:
        """What went wrong while reading."""
        return self.batches.error

    @property
    def position(self) -> int:
        """The position of the batches."""
        return self.batches.position

    def go_to(self, position: int) -> None:
        """Goes where the batches were at a position."""
        self.batches.go_to(position)

    def __len__(self) -> int:
        return -(-(self.num_rows - self.num_left_out) // self.batch_size)

    def __getitem__(self, index: int):
        batch = self.batches[index]
        num_rows = len(next(iter(batch[0].values())))
        over = num_rows % self.num_devices
        if self.fills_up:
            rows = np.minimum(np.arange(num_rows + -over % self.num_devices), num_rows - 1)
        else:
            rows = np.arange(num_rows - over)
        share = len(rows) // self.num_processes
        rows = rows[self.process_id * share : (self.process_id + 1) * share]
        features, *others = (self._rows_of(part, rows) for part in batch)
        if self.fills_up:
            features[COUNTED] = np.zeros((num_rows, 0), "float32")
        return (features, *others)

    def on_epoch_begin(self) -> None:
        self.batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.batches.on_epoch_end()

    def _rows_of(self, part: Mapping[str, np.ndarray] | None, rows: np.ndarray) -> Any:
        return part if part is None else {name: each[rows] for name, each in part.items()}
