"""What each query did, in the order of time: the events that histories are cut from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mtframework.errors import DataError
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
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype("int64")
        return cls({name: values[order] for name, values in columns.items()}, offsets)

    def latest(self, ids: np.ndarray, max_length: int) -> dict[str, np.ndarray]:
        """Returns the latest events of queries as a batch holds them; none of query 0.

        Args:
            ids: The queries: `[num_rows]`.
            max_length: How many events at most.

        Returns:
            `{in_history(name): [num_rows, max_length, ...]}`, zeros behind the last event, and
            `LENGTHS`.
        """
        ids = np.asarray(ids, "int64")
        counts = np.diff(self.offsets, append=self.offsets[-1])[ids]
        counts = np.where(ids > 0, np.minimum(counts, max_length), 0)
        ends = self.offsets[np.minimum(ids + 1, len(self.offsets) - 1)]
        places = np.repeat(ends - np.cumsum(counts), counts) + np.arange(counts.sum())
        columns = {name: values[places] for name, values in self.columns.items()}
        return side_by_side(columns, counts, max_length)

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
        parts = []
        for events, of_id in ((earlier, ids[key]), (self, np.arange(num_ids))):
            owners = np.repeat(of_id, np.diff(events.offsets))
            columns = {name: events.columns[name] for name in self.columns}
            if events is earlier:
                columns = {
                    name: ids[name][each] if name in ids else each for name, each in columns.items()
                }
            parts.append((owners, columns))
        owners = np.concatenate([each for each, _ in parts])
        columns = {}
        for name in self.columns:
            both = [each[name] for _, each in parts]
            if both[0].ndim == 2:
                width = max(each.shape[1] for each in both)
                both = [np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in both]
            columns[name] = np.concatenate(both)
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
