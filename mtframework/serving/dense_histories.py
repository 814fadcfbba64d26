"""Histories side by side, `[num_rows, max_length]`, cut by tensors in a graph that serves."""

from keras import ops


def latest_events(values, offsets, ids, max_length: int):
    """Returns the latest events that are known of queries, and how many each has.

    It is what `Events.latest` does.

    Args:
        values: A column of the events, one run a query id: `[num_events, ...]`.
        offsets: Where the run of each query id begins: `[num_query_ids + 1]`.
        ids: The queries; none is known of query 0: `[num_rows]`.
        max_length: How many events at most.

    Returns:
        `[num_rows, max_length, ...]`, zeros behind the last event, and `[num_rows]` int32.

    Example:

    >>> found, counts = latest_events(np.array([5, 6, 7]), np.array([0, 0, 1, 3]), [1, 2, 0], 1)
    >>> ops.convert_to_numpy(found).tolist(), ops.convert_to_numpy(counts).tolist()
    ([[5], [7], [0]], [1, 1, 0])
    """
    ids = ops.cast(ids, "int32")
    ends = ops.cast(ops.take(offsets, ids + 1, axis=0), "int32")
    counts = ends - ops.cast(ops.take(offsets, ids, axis=0), "int32")
    counts = ops.where(ids > 0, ops.minimum(counts, max_length), 0)
    places = ops.expand_dims(ends - counts, 1) + ops.arange(max_length, dtype="int32")
    return _taken(values, places, counts), counts


def packed_events(values, is_event, max_length: int):
    """Returns the last events of rows that may have room between them, and how many each has.

    Args:
        values: A column of what stands in the rows: `[num_rows, width, ...]`.
        is_event: Which of it are events, the latest one last: `[num_rows, width]` bool.
        max_length: How many events at most.

    Returns:
        As `latest_events`.

    Example:

    >>> found, counts = packed_events(np.array([[0, 8, 0, 9]]), [[False, True, False, True]], 3)
    >>> ops.convert_to_numpy(found).tolist(), ops.convert_to_numpy(counts).tolist()
    ([[8, 9, 0]], [2])
    """
    is_event = ops.cast(is_event, "int32")
    num_rows, width = ops.shape(is_event)[0], ops.shape(is_event)[1]
    num = ops.sum(is_event, axis=1)
    # Events first, in their order; each row begins where its last `max_length` ones do.
    order = ops.argsort(ops.arange(width, dtype="int32") - width * is_event, axis=1)
    counts = ops.minimum(num, max_length)
    slots = ops.expand_dims(num - counts, 1) + ops.arange(max_length, dtype="int32")
    slots = ops.minimum(slots, ops.maximum(width - 1, 0))
    columns = ops.take_along_axis(ops.cast(order, "int32"), slots, axis=1)
    places = columns + width * ops.expand_dims(ops.arange(num_rows, dtype="int32"), 1)
    flat = ops.reshape(values, (-1, *values.shape[2:]))
    return _taken(flat, places, counts), counts


def _taken(values, places, counts):
    """Returns `[num_rows, max_length, ...]` of `values`, zeros behind the counts."""
    is_there = ops.arange(places.shape[1], dtype="int32") < ops.expand_dims(counts, 1)
    # A row of zeros behind the values, so that there is something to take where nothing is.
    rest = len(values.shape) - 1
    padded = ops.pad(values, [(0, 1)] + [(0, 0)] * rest)
    nothing = ops.shape(values)[0]
    return ops.take(padded, ops.where(is_there, places, nothing), axis=0)
