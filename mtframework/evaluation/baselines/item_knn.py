"""Candidates that are found together."""

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions


class ItemKNN:
    """Scores a candidate by its cosine similarity to what the query has.

        similarity(i, j) = |queries with both| / √(|queries with i| · |queries with j|)
        score(query, j) = Σ similarity(i, j) over the candidates i that the query has

    where of each i only the nearest count.

    Args:
        num_neighbours: How many candidates are similar to one.

    Source: Sarwar et al. 2001, "Item-based collaborative filtering recommendation algorithms".

    Example:

    >>> pairs = Interactions.of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2, 2)
    >>> ItemKNN().fit(pairs).scores(0, 1).round(3).tolist()
    [[0.0, 0.707]]
    """

    def __init__(self, num_neighbours: int = 100):
        self.num_neighbours = num_neighbours

    def fit(self, interactions: Interactions) -> "ItemKNN":
        together = interactions.together()
        lengths = np.sqrt(np.maximum(np.diag(together), 1.0))
        similarity = together / lengths[:, None] / lengths
        np.fill_diagonal(similarity, 0.0)
        num_others = len(similarity) - min(self.num_neighbours, len(similarity))
        far = np.argpartition(similarity, num_others, axis=1)[:, :num_others]
        np.put_along_axis(similarity, far, 0.0, axis=1)
        self.interactions, self.similarity = interactions, similarity
        return self

    def scores(self, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries, `[end - start, num_candidates]` float64."""
        return self.interactions.dense(start, end) @ self.similarity
