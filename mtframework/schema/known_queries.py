"""What training met of each query's own columns, so that a request need not say it again."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mtframework.errors import DataError
from mtframework.schema.saved_columns import arrays_of, columns_with_unknown_ids, entries_of


class KnownQueries:
    """The encoded columns of every query that training met, by query id.

    Args:
        columns: `{name: [num_query_ids]}`, or `[num_query_ids, width]` of several categories.
        is_known: Which ids have a row: `[num_query_ids]` bool.

    Example:

    >>> queries = KnownQueries.learn(
    ...     np.array([1, 2, 1]), {"age": np.array([30.0, 41.0, 31.0])}, None, num_ids=4
    ... )
    >>> queries.columns["age"][1], queries.is_known
    (np.float64(31.0), array([False,  True,  True, False]))
    """

    def __init__(self, columns: Mapping[str, np.ndarray], is_known: np.ndarray):
        self.columns = dict(columns)
        self.is_known = is_known

    @classmethod
    def learn(
        cls,
        ids: np.ndarray,
        columns: Mapping[str, np.ndarray],
        times: np.ndarray | None,
        num_ids: int,
    ) -> "KnownQueries":
        """Returns each query as its latest row describes it; without times, as its last row does.

        Args:
            ids: The query of each row: `[num_rows]`.
            columns: What the rows say of their queries: `{name: [num_rows]}`.
            times: When the rows are of: `[num_rows]`.
            num_ids: How many query ids there are; 0 stands for all unknown ones.
        """
        is_known = np.zeros(num_ids, bool)
        if not columns:
            return cls({}, is_known)
        rows = np.arange(len(ids)) if times is None else np.argsort(times, kind="stable")
        last = np.full(num_ids, -1, "int64")
        np.maximum.at(last, ids[rows], np.arange(len(rows)))
        last[0] = -1
        is_known = last >= 0
        described = {}
        for name, values in columns.items():
            described[name] = np.zeros((num_ids, *values.shape[1:]), values.dtype)
            described[name][is_known] = values[rows[last[is_known]]]
        return cls(described, is_known)

    def with_earlier(
        self, earlier: "KnownQueries", ids: Mapping[str, np.ndarray], key: str
    ) -> "KnownQueries":
        """Returns the queries, those that only the earlier ones know added.

        Args:
            earlier: What was known before.
            ids: The id here of each id there, 0 for none, by categorical column:
                `{name: [num_ids]}`.
            key: The query key.
        """
        here = ids[key]
        is_new = earlier.is_known & (here > 0)
        is_new[is_new] = ~self.is_known[here[is_new]]
        if not self.columns or not set(self.columns) <= set(earlier.columns):
            return self  # what it lacks cannot be made up
        columns = {}
        for name, values in self.columns.items():
            added = earlier.columns[name][is_new]
            added = ids[name][added] if name in ids else added
            columns[name] = values.copy()
            if values.ndim == 2 and added.shape[1] > values.shape[1]:
                wider = ((0, 0), (0, added.shape[1] - values.shape[1]))
                columns[name] = np.pad(values, wider)
            if values.ndim == 2:
                columns[name][here[is_new], : added.shape[1]] = added
            else:
                columns[name][here[is_new]] = added
        is_known = self.is_known.copy()
        is_known[here[is_new]] = True
        return KnownQueries(columns, is_known)

    def save(self, path: Path) -> None:
        """Writes the columns as one compressed NumPy archive."""
        np.savez_compressed(
            path, allow_pickle=False, is_known=self.is_known, **entries_of(self.columns)
        )

    @classmethod
    def load(cls, path: Path, key: str, num_ids: Mapping[str, int]) -> "KnownQueries":
        """Reads what `save` wrote.

        Args:
            path: The file. Models of version 0.1 have none, and know no query's columns.
            key: The query key.
            num_ids: How many ids each categorical column has.

        Raises:
            DataError: Ids or lengths do not fit together.
        """
        if not path.exists():
            return cls({}, np.zeros(num_ids[key], bool))
        with np.load(path, allow_pickle=False) as saved:
            is_known = saved["is_known"]
            columns = arrays_of(saved)
        fits = is_known.shape == (num_ids[key],) and is_known.dtype == bool
        fits = fits and all(len(values) == num_ids[key] for values in columns.values())
        if not fits or columns_with_unknown_ids(columns, num_ids):
            raise DataError(
                "The file's known queries do not match its vocabularies.",
                f"A row for each of {num_ids[key]} query ids, with ids within their bounds.",
                "Use the original file: this one is damaged or was changed.",
            )
        return cls(columns, is_known)
