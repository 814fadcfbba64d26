"""What each query did, in the order of time: the events that histories are cut from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mtframework.errors import DataError
from mtframework.schema.runs import offsets_of_runs, one_behind_another, places_of_runs
from mtframework.schema.saved_columns import arrays_of, columns_with_unknown_ids, entries_of

# Keras takes the length of a batch's first entry, by name, for its number of rows; a batch has more
# events than rows, so that their names must come last.
_PREFIX = "~history"

STARTS = f"{_PREFIX}:starts"
"""Of each packed event, the place of the first one of its history: `[num_events]`."""

LAST = f"{_PREFIX}:last"
"""Of each row, the place of the last packed event that it knows, -1 for none: `[num_rows]`."""

LENGTHS = f"{_PREFIX}:lengths"
"""Of each row, how many of its events there are, the rest of `max_length` being no events."""


def is_of_histories(name: str) -> bool:
    """Returns whether an entry of a batch says what queries did before, and is no column of rows.

    >>> is_of_histories(in_history("movie_title")), is_of_histories("movie_title")
    (True, False)
    """
    return name.startswith(_PREFIX)


def in_history(column: str) -> str:
    """Returns by which name a batch holds a column of the events in its rows' histories.

    >>> in_history("movie_title")
    '~history/movie_title'
    """
    return f"{_PREFIX}/{column}"


class Events:
    """The encoded columns of events, one run a query id, the latest one last.

    Args:
        columns: What each event was: `{name: [num_events, ...]}`.
        offsets: Where the run of each query id begins: `[num_query_ids + 1]`, int64.

    Example:

    >>> events = Events.learn(
    ...     np.array([1, 2, 1]), {"item": np.array([7, 8, 9])}, np.array([30, 10, 20]), num_ids=3
    ... )
    >>> events.latest(np.array([1]), 3)["~history/item"]
    array([[9, 7, 0]])
    """

    def __init__(self, columns: Mapping[str, np.ndarray], offsets: np.ndarray):
        self.columns = dict(columns)
        self.offsets = offsets

    @classmethod
    def learn(
        cls,
        ids: np.ndarray,
        columns: Mapping[str, np.ndarray],
        times: np.ndarray | None,
        num_ids: int,
        max_length: int | None = None,
    ) -> "Events":
        """Returns rows as events, by query and time, without those of query 0, the unknown one.

        Args:
            ids: The query of each row: `[num_rows]`.
            columns: What is kept of a row: `{name: [num_rows, ...]}`.
            times: When the rows happened, `[num_rows]`; None where they stand in that order. Of
                two rows of one time, the one that stands first is first.
            num_ids: How many query ids there are.
            max_length: How many of a query's latest events to keep; None for all.
        """
        order = by_query_and_time(ids, times)
        order = order[ids[order] > 0]
        counts = np.bincount(ids[order], minlength=num_ids)
        if max_length is not None:
            ends = np.cumsum(counts)
            order = order[np.repeat(ends, counts) - np.arange(len(order)) <= max_length]
            counts = np.minimum(counts, max_length)
        kept = {name: values[order] for name, values in columns.items()}
        return cls(kept, offsets_of_runs(counts))

    def last_of(self, ids: np.ndarray, max_length: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Returns the latest events of queries, one query behind another; none of query 0.

        Args:
            ids: The queries: `[num_rows]`.
            max_length: How many events at most.

        Returns:
            The columns of the events, and how many each query has: `[num_rows]`.
        """
        ids = np.asarray(ids, "int64")
        counts = np.where(ids > 0, np.minimum(np.diff(self.offsets)[ids], max_length), 0)
        places = places_of_runs(self.offsets[ids + 1] - counts, counts)
        return {name: values[places] for name, values in self.columns.items()}, counts

    def latest(self, ids: np.ndarray, max_length: int) -> dict[str, np.ndarray]:
        """Returns what `last_of` does as a batch holds it.

        Returns:
            `{in_history(name): [num_rows, max_length, ...]}`, zeros behind the last event, and
            `LENGTHS`.
        """
        return side_by_side(*self.last_of(ids, max_length), max_length)

    def with_earlier(
        self, earlier: "Events", ids: Mapping[str, np.ndarray], key: str, max_length: int
    ) -> "Events":
        """Returns the events with earlier ones before them, the last ones of each query.

        Args:
            earlier: What was known before.
            ids: The id here of each id there, 0 for none, by categorical column:
                `{name: [num_ids]}`.
            key: The query key.
            max_length: How many of a query's latest events to keep.
        """
        if not set(self.columns) <= set(earlier.columns):
            return self  # what they lack cannot be made up
        num_ids = len(self.offsets) - 1
        before = np.repeat(ids[key], np.diff(earlier.offsets))
        owners = np.append(before, np.repeat(np.arange(num_ids), np.diff(self.offsets)))
        columns = {}
        for name, values in self.columns.items():
            there = earlier.columns[name]
            there = ids[name][there] if name in ids else there
            columns[name] = one_behind_another([there, values])
        return Events.learn(owners, columns, None, num_ids, max_length)

    def save(self, path: Path) -> None:
        """Writes the events as one compressed NumPy archive."""
        np.savez_compressed(
            path, allow_pickle=False, offsets=self.offsets, **entries_of(self.columns)
        )

    @classmethod
    def load(cls, path: Path, key: str, num_ids: Mapping[str, int]) -> "Events":
        """Reads what `save` wrote.

        Args:
            path: The file; without one, no query has events.
            key: The query key.
            num_ids: How many ids each categorical column has.

        Raises:
            DataError: Ids or lengths do not fit together.
        """
        if not path.exists():
            return cls({}, np.zeros(num_ids[key] + 1, "int64"))
        with np.load(path, allow_pickle=False) as saved:
            offsets = saved["offsets"]
            columns = arrays_of(saved)
        fits = offsets.shape == (num_ids[key] + 1,) and offsets[0] == 0
        fits = fits and (np.diff(offsets) >= 0).all()
        fits = fits and all(len(values) == offsets[-1] for values in columns.values())
        if not fits or columns_with_unknown_ids(columns, num_ids):
            raise DataError(
                "The file's histories do not match its vocabularies.",
                f"A run of events for each of {num_ids[key]} query ids, with ids within bounds.",
                "Use the original file: this one is damaged or was changed.",
            )
        return cls(columns, offsets)


def by_query_and_time(queries: np.ndarray, times: np.ndarray | None) -> np.ndarray:
    """Returns the order of rows by query, then time, then place: `[num_rows]`.

    >>> by_query_and_time(np.array([2, 1, 2]), np.array([5, 5, 5]))
    array([1, 0, 2])
    """
    if times is None:
        return np.argsort(queries, kind="stable")
    return np.lexsort((times, queries))  # stable, too


def side_by_side(
    columns: Mapping[str, np.ndarray], counts: np.ndarray, max_length: int
) -> dict[str, np.ndarray]:
    """Returns histories that stand one after another as a batch holds them, a row each.

    Args:
        columns: `{name: [counts.sum(), ...]}`.
        counts: How many events each row has, none more than `max_length`: `[num_rows]`.
        max_length: How wide the rows are.

    Returns:
        `{in_history(name): [num_rows, max_length, ...]}`, zeros behind the last event, and
        `LENGTHS`, `[num_rows]` int32.
    """
    found: dict[str, np.ndarray] = {LENGTHS: counts.astype("int32")}
    is_event = np.arange(max_length) < counts[:, None]
    for name, values in columns.items():
        rows = np.zeros((len(counts), max_length, *values.shape[1:]), values.dtype)
        rows[is_event] = values
        found[in_history(name)] = rows
    return found
