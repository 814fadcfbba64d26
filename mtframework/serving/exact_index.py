"""The candidates with the largest inner products, found by computing all of them."""

import numpy as np

from mtframework.model.recommend import best_products


class ExactIndex:
    """Searches all candidates.

    Args:
        embeddings: `[num_candidates, dim]` float32.

    Example:

    >>> index = ExactIndex(np.array([[1.0], [3.0], [2.0]], "float32"))
    >>> rows, scores = index.search(np.ones((1, 1), "float32"), 2, (np.array([0]), np.array([1])))
    >>> rows.tolist(), scores.tolist()
    ([[2, 0]], [[2.0, 1.0]])
    """

    def __init__(self, embeddings: np.ndarray):
        self.embeddings = embeddings

    def add(self, embeddings: np.ndarray) -> None:
        """Adds candidates, whose rows follow on those that are there."""
        self.embeddings = np.concatenate([self.embeddings, embeddings])

    def search(
        self, queries: np.ndarray, num: int, excluded: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns each query's best candidates, best first.

        Args:
            queries: `[num_queries, dim]` float32.
            num: How many; at most as many as there are candidates.
            excluded: Pairs of a query and a candidate, by row, that are not to be found:
                `[num_excluded]` each.

        Returns:
            The candidates' rows and their inner products, `[num_queries, num]`; -inf where fewer
            are left.
        """
        return best_products(queries, self.embeddings, num, excluded)
