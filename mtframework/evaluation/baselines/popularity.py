"""The same list for everybody."""

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions


class Popularity:
    """Scores a candidate by how many queries have it.

    Example:

    >>> pairs = Interactions.of(np.array([0, 1, 1]), np.array([1, 0, 1]), 2, 3)
    >>> Popularity().fit(pairs).scores(pairs, 0, 1).tolist()
    [[1.0, 2.0, 0.0]]
    """

    def fit(self, interactions: Interactions) -> "Popularity":
        counts = np.bincount(interactions.candidates, minlength=interactions.num_candidates)
        self.counts = counts.astype("float64")
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        return np.broadcast_to(self.counts, (end - start, len(self.counts)))
