"""The rows of a batch that belong to the same query."""

from keras import ops


def peers(query_ids, valid, max_peers: int):
    """Finds, for each row, other rows of the same query.

    Where a query has more than `max_peers` rows in the batch, each of them is given the same first
    ones; batches are shuffled, so these are any.

    Args:
        query_ids: `[batch]` ints.
        valid: Which rows count, `[batch]` bool; None where all do. The others have no peers and
            are none.
        max_peers: How many rows to give, at most.

    Returns:
        `[batch, max_peers + 1]` row numbers, and which of them are peers, equally shaped bool: at
        most `max_peers` of them, in any place.

    Example:

    >>> rows, are_peers = peers(np.array([7, 8, 7, 7]), None, max_peers=3)
    >>> [list(map(int, row[is_peer])) for row, is_peer in zip(
    ...     ops.convert_to_numpy(rows), ops.convert_to_numpy(are_peers), strict=True)]
    [[2, 3], [], [0, 3], [0, 2]]
    """
    query_ids = ops.cast(query_ids, "int32")
    num_rows = ops.shape(query_ids)[0]
    if valid is not None:
        # Rows that do not count take no place among those that do.
        query_ids = ops.where(valid, query_ids, -1)
    order = ops.argsort(query_ids)
    in_order = ops.take(query_ids, order)
    first = ops.cast(ops.searchsorted(in_order, query_ids), "int32")
    # A row is no peer of itself: one place more, for what it leaves.
    places = first[:, None] + ops.arange(max_peers + 1, dtype="int32")
    inside = places < num_rows
    places = ops.minimum(places, num_rows - 1)
    rows = ops.take(order, places)
    are_peers = ops.logical_and(inside, ops.equal(ops.take(in_order, places), query_ids[:, None]))
    own = ops.equal(rows, ops.arange(num_rows, dtype=rows.dtype)[:, None])
    are_peers = ops.logical_and(are_peers, ops.logical_not(own))
    if valid is not None:
        are_peers = ops.logical_and(are_peers, valid[:, None])
    return rows, are_peers


def over_rows_with(compared, losses, row_weights):
    """Scales losses so that their weighted mean is that over the rows that were `compared`.

    A row without anything to compare it with says nothing, and how many there are depends on the
    size of the batch. Their losses are zero, and this takes them out of the mean as well.

    Args:
        compared: Which rows were compared with others, `[batch]` bool.
        losses: `[batch]`.
        row_weights: What the mean will weight the rows with, `[batch]`; None for equal weights.

    Returns:
        `[batch]`.
    """
    losses = ops.cast(losses, "float32")
    compared = ops.cast(compared, "float32")
    weights = ops.ones_like(losses) if row_weights is None else ops.cast(row_weights, "float32")
    total = ops.sum(weights * compared)
    return losses * compared * (ops.sum(weights) / ops.where(total > 0, total, 1.0))
