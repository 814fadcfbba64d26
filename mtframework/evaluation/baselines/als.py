"""Alternating least squares, by the library `implicit`."""

import importlib.util

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions


class AlternatingLeastSquares:
    """Scores by the product of factors that `implicit` learns.

    Needs the extra `baselines`.

    Args:
        factors: The factors' size.
        regularization: As `implicit` takes it.
        seed: What the first factors follow from.

    Source: Hu et al. 2008, "Collaborative filtering for implicit feedback datasets".
    """

    def __init__(self, factors: int = 32, regularization: float = 20.0, seed: int = 0):
        self.factors = factors
        self.regularization = regularization
        self.seed = seed

    @staticmethod
    def is_installed() -> bool:
        """Returns whether `implicit` can be imported."""
        return importlib.util.find_spec("implicit") is not None

    def fit(self, interactions: Interactions) -> "AlternatingLeastSquares":
        from implicit.cpu.als import AlternatingLeastSquares as Implicit
        from scipy.sparse import csr_matrix
        from threadpoolctl import threadpool_limits

        ones = np.ones(len(interactions.candidates), "float32")
        shape = interactions.num_queries, interactions.num_candidates
        matrix = csr_matrix((ones, interactions.candidates, interactions.offsets), shape=shape)
        with threadpool_limits(1, "blas"):  # implicit has threads of its own
            model = Implicit(
                factors=self.factors,
                regularization=self.regularization,
                random_state=self.seed,
            )
            model.fit(matrix, show_progress=False)
        self.queries, self.candidates = model.user_factors, model.item_factors
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        return self.queries[start:end].astype("float64") @ self.candidates.T.astype("float64")
