"""Equal rows as one row and their number."""

import numpy as np
import pyarrow as pa

from mtframework.data.tables.table_reader import codes_of

REPEATS = "repeats"
"""The column of the numbers."""


def count_repeats(table: pa.Table) -> pa.Table:
    """Returns the first of each of the equal rows, with how many there are, float64.

    >>> table = pa.table({"who": ["a", "b", "a"]})
    >>> count_repeats(table).to_pydict()
    {'who': ['a', 'b'], 'repeats': [2.0, 1.0]}
    """
    _, first, counts = np.unique(
        codes_of(table, table.column_names), return_index=True, return_counts=True
    )
    order = np.argsort(first)
    counted = pa.array(counts[order].astype("float64"))
    return table.take(first[order]).append_column(REPEATS, counted)
