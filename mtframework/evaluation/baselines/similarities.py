"""What one candidate says for another: most pairs say nothing."""

from dataclasses import dataclass

import numpy as np

from mtframework.schema.runs import places_of_runs


@dataclass(frozen=True)
class Similarities:
    """A square matrix over the candidates, in compressed sparse form.

    Args:
        offsets: Where the run of each candidate begins: `[num_candidates + 1]` int64.
        candidates: Those that it says something for, run after run.
        weights: How much: `[num_similarities]` floats.

    Example:

    >>> pairs = np.array([0, 0, 1]), np.array([1, 2, 0])
    >>> similarities = Similarities.of(*pairs, np.array([2.0, 3.0, 5.0]), 3)
    >>> similarities.scores(np.array([0, 0]), np.array([0, 1]), np.ones(2), 1).tolist()
    [[5.0, 2.0, 3.0]]
    """

    offsets: np.ndarray
    candidates: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls, of_each: np.ndarray, others: np.ndarray, weights: np.ndarray, num_candidates: int
    ) -> "Similarities":
        """Returns those of three columns, `[num_pairs]` each; equal pairs are added up."""
        pairs, places = np.unique(of_each * num_candidates + others, return_inverse=True)
        totals = np.bincount(places, weights=weights, minlength=len(pairs))
        counts = np.bincount(pairs // num_candidates, minlength=num_candidates)
        return cls(np.concatenate([[0], np.cumsum(counts)]), pairs % num_candidates, totals)

    def scores(
        self, owners: np.ndarray, candidates: np.ndarray, weights: np.ndarray, num_queries: int
    ) -> np.ndarray:
        """Returns the weighted sum of the rows of what each query has.

        Args:
            owners: The query of each candidate, from 0: `[num_owned]`.
            candidates: What it has.
            weights: How much that counts.
            num_queries: How many queries there are.

        Returns:
            `[num_queries, num_candidates]` float64.
        """
        num_candidates = len(self.offsets) - 1
        lengths = np.diff(self.offsets)[candidates]
        places = places_of_runs(self.offsets[candidates], lengths)
        cells = np.repeat(owners * num_candidates, lengths) + self.candidates[places]
        each = np.repeat(weights, lengths) * self.weights[places]
        total = np.bincount(cells, weights=each, minlength=num_queries * num_candidates)
        return total.reshape(num_queries, num_candidates)
