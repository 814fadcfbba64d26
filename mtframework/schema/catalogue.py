"""The candidates that can be recommended, and who has seen which."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mtframework.errors import DataError
from mtframework.schema.runs import offsets_of_runs, places_of_runs
from mtframework.schema.saved_columns import arrays_of, columns_with_unknown_ids, entries_of


class Catalogue:
    """The encoded columns of every candidate, and each query's seen candidates.

    A candidate's **row** is its position in the catalogue; its **id** is what the vocabulary of
    the candidate key gives. Seen candidates are kept as rows, in compressed sparse form, one run
    a query id.

    Args:
        key: The candidate key's column name.
        columns: The encoded candidate columns: `{name: [num_candidates]}`.
        seen_offsets: Where the run of each query id begins: `[num_query_ids + 1]`, int64.
        seen_rows: The seen rows, run after run, int32.
        seen_labels: How each was liked, `{label: [num_seen]}` float32; NaN where not known.
        seen_by: Which of them count as seen for a task, `{task: [num_seen]}` bool; all of them for
            a task that is not there.

    Example:

    >>> catalogue = Catalogue.learn(
    ...     "movie", {"movie": np.array([1, 2, 3])}, np.array([1, 1]), np.array([3, 2]), 2
    ... )
    >>> catalogue.rows(np.array([3, 1]))
    array([2, 0])
    >>> catalogue.seen(1)
    array([1, 2], dtype=int32)
    """

    def __init__(
        self,
        key: str,
        columns: Mapping[str, np.ndarray],
        seen_offsets: np.ndarray,
        seen_rows: np.ndarray,
        seen_labels: Mapping[str, np.ndarray] | None = None,
        seen_by: Mapping[str, np.ndarray] | None = None,
    ):
        self.key = key
        self.columns = dict(columns)
        self.seen_offsets = seen_offsets
        self.seen_rows = seen_rows
        self.seen_labels = dict(seen_labels or {})
        self.seen_by = dict(seen_by or {})
        ids = self.columns[key]
        self._row_of_id = np.full(int(ids.max(initial=0)) + 1, -1, "int64")
        self._row_of_id[ids] = np.arange(len(ids))

    @classmethod
    def learn(
        cls,
        key: str,
        columns: Mapping[str, np.ndarray],
        query_ids: np.ndarray,
        candidate_ids: np.ndarray,
        num_query_ids: int,
        labels: Mapping[str, np.ndarray] | None = None,
        seen_by: Mapping[str, np.ndarray] | None = None,
    ) -> "Catalogue":
        """Returns the catalogue whose seen candidates are the given interactions.

        Interactions with unknown queries (id 0) are nobody's, and are left out. Of a candidate
        that a query has several times, a label is the mean of those that are present.

        Args:
            key: The candidate key's column name.
            columns: The encoded candidate columns: `{name: [num_candidates]}`.
            query_ids: `[num_interactions]`.
            candidate_ids: `[num_interactions]`.
            num_query_ids: How many query ids there are.
            labels: What to keep of each interaction: `{label: [num_interactions]}`.
            seen_by: Which interactions make a candidate seen for a task, `{task:
                [num_interactions]}` bool. One of several is enough.
        """
        catalogue = cls(key, columns, np.zeros(1, "int64"), np.zeros(0, "int32"))
        rows = catalogue.rows(candidate_ids)
        known = np.asarray(query_ids) > 0
        pairs = np.asarray(query_ids, "int64")[known] * catalogue.size + rows[known]
        del rows
        pair_of_each = np.zeros(0, "int64")
        if labels or seen_by:
            pairs, pair_of_each = np.unique(pairs, return_inverse=True)
        else:  # in place, since there may be many millions
            pairs.sort()
            pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
        counts = np.bincount(pairs // max(catalogue.size, 1), minlength=num_query_ids)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype("int64")
        seen_labels = {
            name: _mean_of_each(values[known], pair_of_each, len(pairs))
            for name, values in (labels or {}).items()
        }
        seen_rows = (pairs % max(catalogue.size, 1)).astype("int32")
        masks = {
            task: np.bincount(pair_of_each[mask[known]], minlength=len(pairs)) > 0
            for task, mask in (seen_by or {}).items()
        }
        return cls(key, columns, offsets, seen_rows, seen_labels, masks)

    @property
    def size(self) -> int:
        """The number of candidates."""
        return len(self.columns[self.key])

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Returns the rows of candidate ids, int64, of the same shape.

        Raises:
            DataError: An id is not in the catalogue.
        """
        ids = np.asarray(ids)
        inside = (ids >= 0) & (ids < len(self._row_of_id))
        rows = np.where(inside, self._row_of_id[np.where(inside, ids, 0)], -1)
        if rows.size and rows.min() < 0:
            raise DataError(
                f'{int((rows < 0).sum())} of {rows.size} rows have a "{self.key}" that is not in '
                "the catalogue.",
                "Every candidate of an interaction in the catalogue.",
                "Add the missing candidates to the catalogue, or leave those rows out.",
            )
        return rows

    def row_of_each_id(self, num_ids: int) -> np.ndarray:
        """Returns the row of every id below `num_ids`, int32; -1 where it has none."""
        rows = np.full(num_ids, -1, "int32")
        known = min(num_ids, len(self._row_of_id))
        rows[:known] = self._row_of_id[:known]
        return rows

    def seen(self, query_id: int, task: str | None = None) -> np.ndarray:
        """Returns the rows that one query has seen, int32, ascending; none for id 0.

        Args:
            query_id: The query.
            task: What counts as seen for this task; left out, every interaction.
        """
        if not 0 < query_id < len(self.seen_offsets) - 1:
            return self.seen_rows[:0]
        run = slice(self.seen_offsets[query_id], self.seen_offsets[query_id + 1])
        counts = self.seen_by.get(task) if task is not None else None
        return self.seen_rows[run] if counts is None else self.seen_rows[run][counts[run]]

    def seen_of(
        self, query_ids: np.ndarray, task: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows that each of many queries has seen, one run a query.

        Args:
            query_ids: The queries: `[num_queries]`.
            task: What counts as seen for this task; left out, every interaction.

        Returns:
            The offsets, `[num_queries + 1]` int64, and the rows, int32: query i has seen
            `rows[offsets[i]:offsets[i + 1]]`.
        """
        ids = np.asarray(query_ids, "int64")
        ids = np.where((ids > 0) & (ids < len(self.seen_offsets) - 1), ids, 0)
        counts = np.where(ids > 0, np.diff(self.seen_offsets, append=0)[ids], 0)
        offsets, places = offsets_of_runs(counts), places_of_runs(self.seen_offsets[ids], counts)
        kept = self.seen_by.get(task) if task is not None else None
        if kept is None:
            return offsets, self.seen_rows[places]
        kept = kept[places]
        return np.concatenate([[0], np.cumsum(kept)])[offsets], self.seen_rows[places[kept]]

    def with_earlier(
        self, earlier: "Catalogue", query_ids: np.ndarray, candidate_ids: np.ndarray
    ) -> "Catalogue":
        """Returns the same candidates, with what had been seen before added to what is seen.

        What was seen of candidates that are not listed any more is left out.

        Args:
            earlier: The catalogue of before.
            query_ids: The id here of each query id there, 0 for none: `[num_query_ids]`.
            candidate_ids: The id here of each candidate id there, 0 for none:
                `[num_candidate_ids]`.
        """
        num_query_ids = len(self.seen_offsets) - 1
        queries, rows, parts = [], [], (self, earlier)
        for each in parts:
            owners = np.repeat(np.arange(len(each.seen_offsets) - 1), np.diff(each.seen_offsets))
            ids = each.columns[each.key][each.seen_rows]
            if each is earlier:
                owners, ids = query_ids[owners], candidate_ids[ids]
            of_id = self.row_of_each_id(max(int(ids.max(initial=0)) + 1, 1))
            queries.append(owners)
            rows.append(np.where(ids > 0, of_id[ids], -1))
        query, row = np.concatenate(queries), np.concatenate(rows)
        counts = row >= 0
        lengths = [len(each.seen_rows) for each in parts]

        def joined(kept: list[np.ndarray | None], missing: float | bool) -> np.ndarray:
            filled = [
                np.full(length, missing) if values is None else values
                for values, length in zip(kept, lengths, strict=True)
            ]
            return np.concatenate(filled)[counts]

        masks = dict.fromkeys((*self.seen_by, *earlier.seen_by))
        return Catalogue.learn(
            self.key,
            self.columns,
            query[counts],
            self.columns[self.key][row[counts]],
            num_query_ids,
            {
                name: joined([each.seen_labels.get(name) for each in parts], np.nan)
                for name in self.seen_labels
            },
            {name: joined([each.seen_by.get(name) for each in parts], True) for name in masks},
        )

    def save(self, path: Path) -> None:
        """Writes the catalogue as one compressed NumPy archive."""
        np.savez_compressed(
            path,
            allow_pickle=False,
            key=np.array(self.key),
            seen_offsets=self.seen_offsets,
            seen_rows=self.seen_rows,
            **entries_of(self.columns),
            **entries_of(self.seen_labels, "label:"),
            **entries_of(self.seen_by, "seen by:"),
        )

    @classmethod
    def load(cls, path: Path, num_ids: Mapping[str, int]) -> "Catalogue":
        """Reads what `save` wrote.

        Args:
            path: The file.
            num_ids: How many ids each categorical column has.

        Raises:
            DataError: Ids, rows or lengths do not fit together.
        """
        with np.load(path, allow_pickle=False) as saved:
            columns = arrays_of(saved)
            labels, seen_by = arrays_of(saved, "label:"), arrays_of(saved, "seen by:")
            offsets, rows, key = saved["seen_offsets"], saved["seen_rows"], str(saved["key"])
        _check_saved(key, columns, offsets, rows, {**labels, **seen_by}, num_ids)
        return cls(key, columns, offsets, rows, labels, seen_by)


def _check_saved(
    key: str,
    columns: Mapping[str, np.ndarray],
    offsets: np.ndarray,
    rows: np.ndarray,
    labels: Mapping[str, np.ndarray],
    num_ids: Mapping[str, int],
) -> None:
    """Raises a `DataError` where a file's catalogue does not fit together."""
    size = len(columns.get(key, ()))
    wrong = None
    if len({len(each) for each in columns.values()}) != 1:
        wrong = f'its columns differ in length, or lack "{key}"'
    for name in columns_with_unknown_ids(columns, num_ids):
        wrong = f'"{name}" holds ids beyond its {num_ids[name]}'
    if (
        offsets.size == 0
        or offsets[0] != 0
        or offsets[-1] != len(rows)
        or (np.diff(offsets) < 0).any()
    ):
        wrong = "the seen candidates are out of order"
    elif rows.size and not 0 <= rows.min() <= rows.max() < size:
        wrong = f"who has seen what names rows beyond its {size} candidates"
    elif any(len(each) != len(rows) for each in labels.values()):
        wrong = "the labels of seen candidates do not match them in number"
    if wrong is not None:
        raise DataError(
            f"The file's catalogue is inconsistent: {wrong}.",
            "Ids and rows within their bounds.",
            "Use the original file: this one is damaged or was changed.",
        )


def _mean_of_each(values: np.ndarray, group_of_each: np.ndarray, num_groups: int) -> np.ndarray:
    """Returns each group's mean, `[num_groups]` float32, over what is finite; NaN of nothing."""
    finite = np.isfinite(values)
    groups = group_of_each[finite]
    counts = np.bincount(groups, minlength=num_groups)
    sums = np.bincount(groups, weights=values[finite], minlength=num_groups)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype("float32")
