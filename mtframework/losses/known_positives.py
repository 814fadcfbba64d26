"""Which candidates are known positives of which query, a chunk of queries at a time."""

from collections.abc import Callable

from keras import ops


def known_positives(
    query_ids, candidate_numbers, column_numbers, num_numbers, positive_rows=None
) -> Callable:
    """Returns the function that tells which columns a query's other positives stand in.

    A column is excluded for the query of row i if its candidate is the positive of another row
    of the same query. The row's own candidate is never excluded.

    The pairs are marked in a table of `[chunk, num_numbers]`, so that memory stays of the order
    of a chunk of logits.

    Args:
        query_ids: `[batch]` ints.
        candidate_numbers: The candidate of each row, from 0: `[batch]` int32.
        column_numbers: The candidate of each column: `[num_columns]` int32; None where column j
            holds candidate j.
        num_numbers: The number of candidates.
        positive_rows: Which rows are positives, `[batch]` bool; None for all.

    Returns:
        A function of rows, `[chunk]` int32, to `[chunk, num_columns]` bool.

    Example:

    >>> excluded = known_positives(
    ...     ops.array([7, 8, 7]), ops.array([0, 1, 2], "int32"), None, 4
    ... )
    >>> print(ops.convert_to_numpy(excluded(ops.array([0, 1], "int32"))))
    [[False False  True False]
     [False False False False]]
    """
    batch = ops.shape(query_ids)[0]
    query_numbers = number_ids(query_ids)
    counted = ops.ones((batch,)) if positive_rows is None else ops.cast(positive_rows, "float32")

    def excluded(rows):
        chunk = ops.shape(rows)[0]
        queries = ops.take(query_numbers, rows)
        # Each query of the chunk gets the place of its last row there; the others get none.
        places = ops.scatter_update(
            ops.zeros((batch,), "int32"),
            queries[:, None],
            1 + ops.arange(chunk, dtype="int32"),
            reduction="max",
        )
        place = ops.take(places, query_numbers)
        marks = ops.scatter_update(
            ops.zeros(((chunk + 1) * num_numbers,)),
            (place * num_numbers + candidate_numbers)[:, None],
            counted,
            reduction="max",
        )
        table = ops.reshape(marks, (chunk + 1, num_numbers)) > 0
        known = ops.take(table, ops.take(places, queries), axis=0)
        if column_numbers is None:
            own = ops.arange(num_numbers, dtype="int32")
        else:
            known, own = ops.take(known, column_numbers, axis=1), column_numbers
        return ops.logical_and(known, own != ops.take(candidate_numbers, rows)[:, None])

    return excluded


def number_ids(ids):
    """Returns the ids numbered from 0 in ascending order, equal ids alike: `[batch]` int32.

    >>> print(ops.convert_to_numpy(number_ids(ops.array([40, 7, 40, 9]))))
    [2 0 2 1]
    """
    ids = ops.convert_to_tensor(ids)
    order = ops.cast(ops.argsort(ids), "int32")
    ascending = ops.take(ids, order)
    steps = ops.cast(ascending[1:] != ascending[:-1], "int32")
    numbers = ops.concatenate([ops.zeros_like(order[:1]), ops.cumsum(steps)])
    return ops.scatter_update(ops.zeros_like(order), order[:, None], ops.cast(numbers, "int32"))
