"""A linear model of each candidate on all others, in closed form."""

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions


class EASE:
    """Scores a candidate by ridge regression on everything else that the query has.

    With the matrix X of ones where a query has a candidate, the weights B solve

        min ‖X − X·B‖² + λ·‖B‖²  with  diag(B) = 0,

    which is `B = I − P / diag(P)`, column by column, with `P = (XᵀX + λ·I)⁻¹`.

    Args:
        regularization: λ.

    Source: Steck 2019, "Embarrassingly shallow autoencoders for sparse data".

    Example:

    >>> pairs = Interactions.of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2, 2)
    >>> EASE(regularization=1.0).fit(pairs).scores(0, 1).round(3).tolist()
    [[0.0, 0.333]]
    """

    def __init__(self, regularization: float = 500.0):
        self.regularization = regularization

    def fit(self, interactions: Interactions) -> "EASE":
        gram = interactions.together()
        gram[np.diag_indices_from(gram)] += self.regularization
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self.interactions, self.weights = interactions, weights
        return self

    def scores(self, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries, `[end - start, num_candidates]` float64."""
        return self.interactions.dense(start, end) @ self.weights
