"""Histories side by side, `[num_rows, max_length]`, cut by tensors in a graph that serves."""

from keras import ops


def places_of_latest(offsets, ids, max_length: int):
    """Returns where the latest events of queries stand, and how many each has.

    It chooses what `Events.latest` does.

    Args:
        offsets: Where the run of each query id begins: `[num_query_ids + 1]`.
        ids: The queries; none is known of query 0: `[num_rows]`.
        max_length: How many events at most.

    Returns:
        `[num_rows, max_length]` int32, of which a row's first ones are its events, and their
        number, `[num_rows]` int32.

    Example:

    >>> places, counts = places_of_latest(np.array([0, 0, 1, 3]), [1, 2, 0], 1)
    >>> ops.convert_to_numpy(values_at(np.array([5, 6, 7]), places, counts)).tolist()
    [[5], [7], [0]]
    """
    ids = ops.cast(ids, "int32")
    ends = ops.cast(ops.take(offsets, ids + 1, axis=0), "int32")
    counts = ends - ops.cast(ops.take(offsets, ids, axis=0), "int32")
    counts = ops.where(ids > 0, ops.minimum(counts, max_length), 0)
    return ops.expand_dims(ends - counts, 1) + ops.arange(max_length, dtype="int32"), counts


def places_of_packed(is_event, max_length: int):
    """Returns where the last events stand of rows with room between them, and how many each has.

    Args:
        is_event: Which places of the rows hold events, the latest one last: `[num_rows, width]`
            bool.
        max_length: How many events at most.

    Returns:
        As `places_of_latest`, in the rows one behind another.

    Example:

    >>> places, counts = places_of_packed([[False, True, False, True]], 3)
    >>> ops.convert_to_numpy(values_at(np.array([0, 8, 0, 9]), places, counts)).tolist()
    [[8, 9, 0]]
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
    return columns + width * ops.expand_dims(ops.arange(num_rows, dtype="int32"), 1), counts


def values_at(values, places, counts):
    """Returns values of events side by side, `[num_rows, max_length, ...]`, zeros behind the last.

    Args:
        values: A column of the events: `[num_events, ...]`.
        places: Where those of each row stand: `[num_rows, max_length]`.
        counts: How many each row has: `[num_rows]`.
    """
    is_there = ops.arange(places.shape[1], dtype="int32") < ops.expand_dims(counts, 1)
    # A row of zeros behind the values, so that there is something to take where nothing is.
    padded = ops.pad(values, [(0, 1)] + [(0, 0)] * (len(values.shape) - 1))
    return ops.take(padded, ops.where(is_there, places, ops.shape(values)[0]), axis=0)
