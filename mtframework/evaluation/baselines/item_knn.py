"""Candidates that are found together."""

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.similarities import Similarities


class ItemKNN:
    """Scores a candidate by its cosine similarity to what the query has.

        similarity(i, j) = |queries with both| / √(|queries with i| · |queries with j|)
        score(query, j) = Σ similarity(i, j) over the candidates i that the query has

    where of each i only the nearest count. Only those are kept, so that memory grows with the
    catalogue, not with its square.

    Args:
        num_neighbours: How many candidates are similar to one.

    Source: Sarwar et al. 2001, "Item-based collaborative filtering recommendation algorithms".

    Example:

    >>> pairs = Interactions.of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2, 2)
    >>> ItemKNN().fit(pairs).scores(pairs, 0, 1).round(3).tolist()
    [[0.0, 0.707]]
    """

    def __init__(self, num_neighbours: int = 100):
        self.num_neighbours = num_neighbours

    def fit(self, interactions: Interactions) -> "ItemKNN":
        num_candidates = interactions.num_candidates
        num_queries = np.bincount(interactions.candidates, minlength=num_candidates)
        lengths = np.sqrt(np.maximum(num_queries, 1))
        found = []
        for start, end, counts in interactions.together():
            counts[np.arange(end - start), np.arange(start, end)] = 0  # each with itself
            rows, others = np.nonzero(counts)
            similarity = counts[rows, others] / lengths[start + rows] / lengths[others]
            near = np.lexsort((-similarity, rows))  # the nearest of each first
            first = np.searchsorted(rows, np.arange(end - start))
            near = near[np.arange(len(rows)) - first[rows] < self.num_neighbours]
            found.append((start + rows[near], others[near], similarity[near]))
        ones, others, similarity = (np.concatenate(each) for each in zip(*found, strict=True))
        self.similarity = Similarities.of(ones, others, similarity, num_candidates)
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        candidates = asked.of_queries(start, end)
        owners = asked.owners(start, end)
        return self.similarity.scores(owners, candidates, np.ones(len(owners)), end - start)
