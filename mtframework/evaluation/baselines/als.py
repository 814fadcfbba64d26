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
        self.learned, self.known = model, interactions
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        queries = self.learned.user_factors[start:end]
        if asked is not self.known:  # by others, whose factors are what their candidates say
            queries = self._folded_in(asked, start, end)
        candidates = self.learned.item_factors
        return queries.astype("float64") @ candidates.T.astype("float64")

    def _folded_in(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        from scipy.sparse import csr_matrix
        from threadpoolctl import threadpool_limits

        candidates = asked.of_queries(start, end)
        offsets = asked.offsets[start : end + 1] - asked.offsets[start]
        shape = end - start, asked.num_candidates
        ones = np.ones(len(candidates), "float32")
        with threadpool_limits(1, "blas"):
            return self.learned.recalculate_user(
                np.arange(end - start), csr_matrix((ones, candidates, offsets), shape=shape)
            )
