"""The distinct values of a column that comes in blocks."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.schema.texts import text_array

_FEW = 1 << 20


class DistinctValues:
    """Keeps each text of the blocks once, and a bounded number of them twice for a while.

    Example:

    >>> distinct = DistinctValues()
    >>> distinct.add(pa.chunked_array([["b", "a", "b"]]))
    >>> distinct.add(pa.chunked_array([["c", "a"]]))
    >>> distinct.sorted().tolist()
    ['a', 'b', 'c']
    """

    def __init__(self):
        self._known = pa.array([], pa.large_string())
        self._pending: list[pa.Array] = []

    def add(self, column: pa.ChunkedArray) -> None:
        """Takes the values of a block."""
        self._pending.append(pc.unique(column).cast(pa.large_string()))
        if sum(map(len, self._pending)) > max(_FEW, len(self._known)):
            self._merge()

    def lacks(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Returns which values of a column are not among those taken."""
        self._merge()
        return pc.invert(pc.is_in(column, self._known))

    def sorted(self) -> np.ndarray:
        """Returns the values, sorted: `[num_distinct]` str."""
        self._merge()
        # Arrow sorts the bytes of UTF-8, which have the order of the characters.
        return text_array(self._known.take(pc.sort_indices(self._known)).to_pylist())

    def _merge(self) -> None:
        if self._pending:
            self._known = pc.unique(pa.concat_arrays([self._known, *self._pending]))
            self._pending = []
