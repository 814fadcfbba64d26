"""Who has which candidates: what the baselines of retrieval learn from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mtframework.schema.runs import offsets_of_runs, places_of_runs

_QUERIES_PER_BLOCK = 1024
_NUMBERS_PER_BLOCK = 1 << 23


@dataclass(frozen=True)
class Interactions:
    """The positives of every query, in compressed sparse form.

    Args:
        offsets: Where the run of each query begins: `[num_queries + 1]` int64.
        candidates: The candidates' rows in the catalogue, run after run.
        num_candidates: The size of the catalogue.

    Example:

    >>> pairs = Interactions.of(np.array([0, 2, 2]), np.array([1, 0, 1]), 3, 2)
    >>> pairs.owners(0, 3).tolist(), pairs.of_queries(0, 3).tolist()
    ([0, 2, 2], [1, 0, 1])
    """

    offsets: np.ndarray
    candidates: np.ndarray
    num_candidates: int

    @classmethod
    def of(
        cls, queries: np.ndarray, candidates: np.ndarray, num_queries: int, num_candidates: int
    ) -> "Interactions":
        """Returns the distinct pairs of two columns, `[num_rows]` each."""
        pairs = np.unique(queries.astype("int64") * num_candidates + candidates)
        return cls(_offsets(pairs // num_candidates, num_queries), pairs % num_candidates,
                   num_candidates)  # fmt: skip

    @classmethod
    def in_order(
        cls,
        queries: np.ndarray,
        candidates: np.ndarray,
        times: np.ndarray,
        num_queries: int,
        num_candidates: int,
    ) -> "Interactions":
        """Returns every pair, repeated ones too, each query's in the order of their times.

        Rows of one time are taken in the order they stand in.
        """
        order = np.lexsort((times, queries))
        return cls(_offsets(queries, num_queries), candidates[order], num_candidates)

    @property
    def num_queries(self) -> int:
        return len(self.offsets) - 1

    def owners(self, start: int, end: int) -> np.ndarray:
        """Returns whose each candidate of some queries is, counted from `start`: int64."""
        return np.repeat(np.arange(end - start), np.diff(self.offsets[start : end + 1]))

    def of_queries(self, start: int, end: int) -> np.ndarray:
        """Returns the candidates of some queries, run after run."""
        return self.candidates[self.offsets[start] : self.offsets[end]]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yields the first and the end of so many queries as are worked on at a time."""
        for start in range(0, self.num_queries, _QUERIES_PER_BLOCK):
            yield start, min(start + _QUERIES_PER_BLOCK, self.num_queries)

    def together(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields how many queries have both of two candidates, some candidates at a time.

        The memory is bounded, whatever the catalogue and the number of queries: a block has eight
        million numbers, or the pairs of a single candidate.

        Yields:
            The first and the end of some candidates, and the counts with all others,
            `[end - start, num_candidates]` int64.
        """
        by_candidate = np.argsort(self.candidates, kind="stable")
        queries = self.owners(0, self.num_queries)[by_candidate]
        begins = _offsets(self.candidates, self.num_candidates)
        lengths = np.diff(self.offsets)[queries]
        pairs_before = offsets_of_runs(lengths)[begins]
        most_rows = max(1, _NUMBERS_PER_BLOCK // self.num_candidates)
        start = 0
        while start < self.num_candidates:
            most_pairs = pairs_before[start] + _NUMBERS_PER_BLOCK
            end = int(np.searchsorted(pairs_before, most_pairs, side="right")) - 1
            end = min(max(end, start + 1), start + most_rows, self.num_candidates)
            run = slice(begins[start], begins[end])
            row = np.repeat(np.arange(end - start), np.diff(begins[start : end + 1]))
            # Each query of a candidate brings all that it has.
            others = self.candidates[places_of_runs(self.offsets[queries[run]], lengths[run])]
            cells = np.repeat(row * self.num_candidates, lengths[run]) + others
            counts = np.bincount(cells, minlength=(end - start) * self.num_candidates)
            yield start, end, counts.reshape(end - start, self.num_candidates)
            start = end


def _offsets(owners: np.ndarray, num_owners: int) -> np.ndarray:
    return offsets_of_runs(np.bincount(owners, minlength=num_owners))
