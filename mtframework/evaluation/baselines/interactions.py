"""Who has which candidates: what the baselines of retrieval learn from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mtframework.errors import DataError

MAX_CANDIDATES = 30_000
"""A square matrix of more candidates takes gigabytes."""

_QUERIES_PER_BLOCK = 1024


@dataclass(frozen=True)
class Interactions:
    """The distinct pairs of a query and one of its positives, in compressed sparse form.

    Args:
        offsets: Where the run of each query begins: `[num_queries + 1]` int64.
        candidates: The candidates' rows in the catalogue, run after run.
        num_candidates: The size of the catalogue.

    Example:

    >>> pairs = Interactions.of(np.array([0, 2, 2]), np.array([1, 0, 1]), 3, 2)
    >>> pairs.dense(0, 3).tolist()
    [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
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
        counts = np.bincount(pairs // num_candidates, minlength=num_queries)
        return cls(np.concatenate([[0], np.cumsum(counts)]), pairs % num_candidates, num_candidates)

    @property
    def num_queries(self) -> int:
        return len(self.offsets) - 1

    def dense(self, start: int, end: int) -> np.ndarray:
        """Returns ones and zeros of some queries, `[end - start, num_candidates]` float32."""
        rows = np.repeat(np.arange(end - start), np.diff(self.offsets[start : end + 1]))
        block = np.zeros((end - start, self.num_candidates), "float32")
        block[rows, self.candidates[self.offsets[start] : self.offsets[end]]] = 1.0
        return block

    def together(self) -> np.ndarray:
        """Returns how many queries have both of two candidates, a square float64 matrix.

        Raises:
            DataError: The catalogue is too large for a square matrix.
        """
        if self.num_candidates > MAX_CANDIDATES:
            raise DataError(
                f"The catalogue holds {self.num_candidates:,} candidates.",
                f"At most {MAX_CANDIDATES:,} for a baseline that keeps every pair of them.",
                "Compare without baselines.",
            )
        counts = np.zeros((self.num_candidates, self.num_candidates))
        for start, end in self.blocks():
            block = self.dense(start, end)
            counts += block.T @ block
        return counts

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yields the first and the end of so many queries as are worked on at a time."""
        for start in range(0, self.num_queries, _QUERIES_PER_BLOCK):
            yield start, min(start + _QUERIES_PER_BLOCK, self.num_queries)
