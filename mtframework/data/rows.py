"""The rows of a split, in memory or streamed, by one set of functions: nobody else asks which."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mtframework.data.batches import Batches
from mtframework.data.streaming.streamed_batches import StreamedBatches
from mtframework.data.streaming.streamed_rows import StreamedRows
from mtframework.schema.classes import texts_of
from mtframework.schema.encoding import encode_columns
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary

Rows = Mapping[str, np.ndarray]


def is_checked(rows: Rows) -> bool:
    """Returns whether each row was checked when it was read, as those that are streamed are."""
    return isinstance(rows, StreamedRows)


def files_of(rows: Rows) -> tuple[Path, ...]:
    """Returns the files that rows are streamed from; none of rows in memory."""
    return tuple(rows.stream.files) if isinstance(rows, StreamedRows) else ()


def num_rows_of(rows: Rows) -> int:
    """Returns how many rows a split has.

    >>> num_rows_of({"user": ["ann", "bob"]})
    2
    """
    if isinstance(rows, StreamedRows):
        return rows.num_rows
    return max((len(values) for values in rows.values()), default=0)


def encode_rows(
    rows: Rows,
    schema: Schema,
    vocabularies: Mapping[str, Vocabulary],
) -> dict[str, np.ndarray]:
    """Returns a split's whole columns as the model reads them: four bytes a value."""
    if isinstance(rows, StreamedRows):
        return rows.encode(schema, vocabularies)
    return encode_columns(rows, schema, vocabularies)


def texts_at(rows: Rows, name: str, chosen: np.ndarray) -> np.ndarray:
    """Returns a categorical column's texts at some rows of a split.

    Args:
        rows: The rows.
        name: The column.
        chosen: The numbers of the rows, ascending: `[num_chosen]`.

    Example:

    >>> texts_at({"user": ["ann", "bob", "cid"]}, "user", np.array([0, 2])).tolist()
    ['ann', 'cid']
    """
    if not isinstance(rows, StreamedRows):
        return texts_of(rows[name])[chosen].astype(object)
    texts, done = [], 0
    for table in rows.tables():
        first, last = np.searchsorted(chosen, [done, done + table.num_rows])
        texts += table[name].take(chosen[first:last] - done).to_pylist()
        done += table.num_rows
    return np.array(texts, object)


def batches_of_rows(
    rows: Rows,
    encoded: Mapping[str, np.ndarray] | None,
    schema: Schema,
    vocabularies: Mapping[str, Vocabulary],
    columns: tuple[Sequence[str], Sequence[str], Sequence[str]],
    batch_size: int,
    shuffle: bool,
    seed: int,
) -> Batches | StreamedBatches:
    """Returns rows in batches, as Keras reads them.

    Args:
        rows: The rows.
        encoded: Their encoded columns, where they are in memory already.
        schema: What the columns are.
        vocabularies: The ids.
        columns: The names of features, labels and sample weights.
        batch_size: How many rows a batch has.
        shuffle: Whether to shuffle.
        seed: What the order follows from.
    """
    if isinstance(rows, StreamedRows):
        read = (rows, schema, vocabularies)
        return StreamedBatches(*read, *columns, batch_size, shuffle, seed)
    if encoded is None:
        encoded = encode_columns(rows, schema, vocabularies)
    return Batches(encoded, *columns, batch_size, shuffle, seed)
