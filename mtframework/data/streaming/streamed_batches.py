"""Batches of rows that are streamed, as Keras reads them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from mtframework.data.batches import as_keras_batch, check_batch_size
from mtframework.data.streaming.streamed_rows import Encoded, StreamedRows
from mtframework.errors import MtframeworkError
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary

BUFFER_ROWS = 1 << 21
_NUM_PEEKED = 2  # batches that Keras reads on TensorFlow to learn their shapes


class StreamedBatches(keras.utils.PyDataset):
    """Gives what `Batches` gives, of rows that are never in memory all at once.

    Row groups come in an order redrawn each epoch, and go through a buffer of a bounded number
    of rows: each block that is read takes the places of rows drawn at random, and these make the
    next batches. The order follows from `seed` and the number of the epoch alone.

    Batches come one after the other; `batches[i]` is the next one, whatever `i`. What went wrong
    while reading is kept as `error` as well, since TensorFlow makes a text of it.

    Args:
        rows: The rows.
        schema: What the columns are.
        vocabularies: The ids.
        features: The columns of the features.
        labels: The columns of the labels.
        sample_weights: The columns of the rows' weights.
        batch_size: How many rows a batch has; the last one may have fewer.
        shuffle: Whether to shuffle.
        seed: What the order follows from.
        buffer_rows: How many rows to shuffle among.
    """

    def __init__(
        self,
        rows: StreamedRows,
        schema: Schema,
        vocabularies: Mapping[str, Vocabulary],
        features: Sequence[str],
        labels: Sequence[str] = (),
        sample_weights: Sequence[str] = (),
        batch_size: int = 1024,
        shuffle: bool = True,
        seed: int = 0,
        buffer_rows: int = BUFFER_ROWS,
    ):
        super().__init__()
        self.parts = (tuple(features), tuple(labels), tuple(sample_weights))
        self.num_rows = rows.num_rows
        self.batch_size = check_batch_size(batch_size)
        self._rows, self._schema, self._vocabularies = rows, schema, vocabularies
        self.shuffle = shuffle
        self.seed = seed
        self.position = 0  # how many epochs have begun
        self._num_passes = 0  # how many passes were over since
        self._buffer_rows = buffer_rows
        self._pass: Iterator[Encoded] | None = None
        self._num_given = 0
        self._first: list[Encoded] = []
        self.error: MtframeworkError | None = None

    def __len__(self) -> int:
        return -(-self.num_rows // self.batch_size)

    def __getitem__(self, index: int):
        if self._pass is None:
            self._begin()
        elif self._num_given == len(self):
            self._num_passes += 1
            self._begin()
        assert self._pass is not None
        try:
            batch = next(self._pass)
        except MtframeworkError as error:
            self.error = error
            raise
        self._num_given += 1
        if self._num_given <= _NUM_PEEKED:
            self._first.append(batch)
        return as_keras_batch(*({name: batch[name] for name in part} for part in self.parts))

    def on_epoch_begin(self) -> None:
        is_first = not self._num_passes and self._num_given <= _NUM_PEEKED
        if self._pass is not None and is_first:
            # Filling the buffer again for what has only been looked at would take seconds.
            self._pass = itertools.chain(self._first, self._pass)
            self._num_given, self._first = 0, []
        else:
            self._num_passes = 0
            self._begin()
        self.position += 1

    def on_epoch_end(self) -> None:
        self._num_passes += self._pass is not None
        self._pass = None

    def go_to(self, position: int) -> None:
        """Gives the next epoch the order of the one that began when `position` was as given."""
        self.position, self._num_passes = position, 0
        self._pass = None

    def _begin(self) -> None:
        names = tuple(dict.fromkeys(name for part in self.parts for name in part))
        # A generator for each pass: one that is given up may still draw, in its own thread.
        passes = (self.seed, self.position, self._num_passes)
        drawn = np.random.default_rng(passes) if self.shuffle else None
        blocks = self._rows.encoded(self._schema, self._vocabularies, names, drawn)
        if drawn is not None:
            blocks = shuffled(blocks, self._buffer_rows, drawn)
        self._pass = in_batches(blocks, self.batch_size)
        self._num_given, self._first = 0, []


def shuffled(
    blocks: Iterator[Encoded], buffer_rows: int, generator: np.random.Generator
) -> Iterator[Encoded]:
    """Yields the blocks' rows in a drawn order, of which no more than a buffer is held back."""
    buffer: Encoded = {}
    held = 0
    for block in blocks:
        block, num_rows = dict(block), len(next(iter(block.values())))
        for name, values in block.items():
            if name not in buffer:
                buffer[name] = np.empty((buffer_rows, *values.shape[1:]), values.dtype)
        filled = min(buffer_rows - held, num_rows)
        for name, values in block.items():
            buffer[name][held : held + filled] = values[:filled]
        held += filled
        for start in range(filled, num_rows, buffer_rows):
            coming = {name: each[start : start + buffer_rows] for name, each in block.items()}
            size = len(next(iter(coming.values())))
            places = generator.choice(buffer_rows, size, replace=False)
            yield {name: values[places] for name, values in buffer.items()}
            for name, values in coming.items():
                buffer[name][places] = values
    places = generator.permutation(held)
    for start in range(0, held, _LAST_ROWS):
        yield {name: each[places[start : start + _LAST_ROWS]] for name, each in buffer.items()}


_LAST_ROWS = 1 << 18


def in_batches(blocks: Iterator[Encoded], batch_size: int) -> Iterator[Encoded]:
    """Yields the rows of the blocks, in order, in batches of one size; the last may have fewer."""
    rest: Encoded = {}
    for block in blocks:
        if rest:
            block = {name: np.concatenate([rest[name], each]) for name, each in block.items()}
        num_rows = len(next(iter(block.values())))
        whole = num_rows - num_rows % batch_size
        for start in range(0, whole, batch_size):
            yield {name: each[start : start + batch_size] for name, each in block.items()}
        rest = {name: each[whole:] for name, each in block.items()} if whole < num_rows else {}
    if rest:
        yield rest
