"""Which rows to learn from and which to hold out.

Each function returns two arrays of row numbers, `(kept, held_out)`. Applied to all rows they give
train and test; applied once more to the train rows they give train and validation.
"""

import math
from collections.abc import Iterable

import numpy as np

from mtframework.errors import DataError

Rows = tuple[np.ndarray, np.ndarray]


SPLITS = ("random", "temporal", "leave_last_out")


def hold_out(
    split: str, keys: np.ndarray, timestamps: np.ndarray | None, fraction: float, seed: int
) -> Rows:
    """Holds out rows the way that `split`, one of `SPLITS`, names.

    Args:
        split: `"random"`, `"temporal"` (the latest rows) or `"leave_last_out"` (of each key).
        keys: Whose row it is: `[num_rows]`.
        timestamps: When each row happened: `[num_rows]`; `"random"` needs none.
        fraction: The share of the rows, for `"leave_last_out"` of the keys.
        seed: The seed of whatever is drawn.

    Example:

    >>> hold_out("temporal", np.array(["ann", "bob"]), np.array([5, 3]), 0.5, seed=0)
    (array([1]), array([0]))
    """
    if split == "random":
        if not fraction:
            return np.arange(len(keys)), np.arange(0)  # no draw, so that the order stays
        return hold_out_random(len(keys), fraction, seed)
    times = np.asarray(timestamps)
    if split == "temporal":
        return hold_out_latest(times, fraction)
    return hold_out_last_of_each(keys, times, fraction, seed)


def check_held_out_share(argument: str, share: object, whole_is_allowed: bool) -> None:
    """Raises a `DataError` where a share to hold out, named `argument`, is none."""
    number = share if isinstance(share, (int, float)) and not isinstance(share, bool) else -1
    if not 0 <= number <= 1 or (number == 1 and not whole_is_allowed):
        raise DataError(
            f"{argument} is {share!r}.",
            f"A number from 0 to {'1' if whole_is_allowed else 'below 1'}.",
            "Give a share such as 0.1.",
        )


def hold_out_random(num_rows: int, fraction: float, seed: int = 0) -> Rows:
    """Holds out a random share of the rows.

    Args:
        num_rows: The number of rows.
        fraction: The share to hold out, from 0 to below 1; rounded up to whole rows.
        seed: The seed of the shuffle; the same seed gives the same rows.

    Returns:
        `(kept, held_out)`, int64, each in shuffled order.

    Raises:
        DataError: The fraction is not from 0 to below 1, or would keep no row.

    Example:

    >>> kept, held_out = hold_out_random(10, 0.2)
    >>> len(kept), len(held_out)
    (8, 2)
    """
    num_held_out = _num_held_out(num_rows, fraction)
    order = np.random.default_rng(seed).permutation(num_rows).astype("int64")
    return order[: num_rows - num_held_out], order[num_rows - num_held_out :]


def hold_out_latest(timestamps: Iterable, fraction: float) -> Rows:
    """Holds out the latest share of the rows, as a model in production meets them.

    Rows of one timestamp are taken in the order they stand in, so that no held-out row is earlier
    than a kept one.

    Args:
        timestamps: When each row happened: `[num_rows]`.
        fraction: The share to hold out, from 0 to below 1; rounded up to whole rows.

    Returns:
        `(kept, held_out)`, int64, each from the earliest row to the latest.

    Raises:
        DataError: The fraction is not from 0 to below 1, or would keep no row; a timestamp is
            missing.

    Example:

    >>> hold_out_latest([30, 10, 20, 40], 0.25)
    (array([1, 2, 0]), array([3]))
    """
    times = _checked_timestamps(timestamps)
    num_held_out = _num_held_out(len(times), fraction)
    order = np.argsort(times, kind="stable").astype("int64")
    return order[: len(times) - num_held_out], order[len(times) - num_held_out :]


def hold_out_last_of_each(
    keys: Iterable, timestamps: Iterable, fraction: float = 1.0, seed: int = 0
) -> Rows:
    """Holds out the last row of each key ("leave last out"), keeping at least one row of each.

    Of two rows of one key and one timestamp, the one that stands later counts as later. A key that
    has a single row keeps it.

    Args:
        keys: Whose row it is, for example the user: `[num_rows]`.
        timestamps: When each row happened: `[num_rows]`.
        fraction: The share of the keys of two rows or more, drawn at random, whose last row is held
            out, from 0 to 1; rounded up to whole keys.
        seed: The seed of that draw.

    Returns:
        `(kept, held_out)`, int64, each in the order of the rows.

    Raises:
        DataError: The fraction is not from 0 to 1; keys and timestamps are not equally many; a
            timestamp is missing.

    Example:

    >>> hold_out_last_of_each(["ann", "bob", "ann", "ann"], [1, 5, 9, 3])
    (array([0, 1, 3]), array([2]))
    """
    times = _checked_timestamps(timestamps)
    _, owners = np.unique(np.asarray(keys), return_inverse=True)
    if len(owners) != len(times):
        raise DataError(
            f"There are {len(owners)} keys and {len(times)} timestamps.",
            "One key and one timestamp a row.",
            "Take both columns from the same rows.",
        )
    check_held_out_share("fraction", fraction, True)
    order = np.lexsort((np.arange(len(times)), times, owners))
    sorted_owners = owners[order]
    ends_key = np.append(sorted_owners[1:] != sorted_owners[:-1], True)[: len(order)]
    last_rows = order[ends_key]
    last_rows = last_rows[np.bincount(owners)[owners[last_rows]] > 1]
    # All of them need no draw, so that the seed then changes nothing.
    drawn = np.random.default_rng(seed).permutation(last_rows)[: _ceil(fraction * len(last_rows))]
    is_held_out = np.zeros(len(times), bool)
    is_held_out[drawn] = True
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def _num_held_out(num_rows: int, fraction: float) -> int:
    check_held_out_share("fraction", fraction, False)
    num_held_out = _ceil(num_rows * fraction)
    if num_held_out and num_held_out >= num_rows:
        raise DataError(
            f"Holding out {fraction:g} of {num_rows} rows keeps none.",
            "At least one row to train on.",
            "Hold out less, or use more rows.",
        )
    return num_held_out


def _ceil(value: float) -> int:
    # 0.1 * 30 is 3.0000000000000004, and means 3.
    return math.ceil(round(value, 6))


def _checked_timestamps(timestamps: Iterable) -> np.ndarray:
    times = np.asarray(timestamps)
    missing = np.isnat(times) if times.dtype.kind in "mM" else np.isnan(times.astype("float64"))
    if missing.any():
        raise DataError(
            f"The timestamp of row {np.flatnonzero(missing)[0]} is missing, and of "
            f"{missing.sum()} of {len(times)} rows.",
            "A timestamp in every row.",
            "Fill the missing timestamps or leave the rows out, or split at random.",
        )
    return times
