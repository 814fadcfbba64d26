"""A linear model of each candidate on all others, in closed form."""

import numpy as np

from mtframework.errors import DataError
from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.inverse import invert_in_place
from mtframework.evaluation.baselines.memory import available_memory


class EASE:
    """Scores a candidate by ridge regression on everything else that the query has.

    With the matrix X of ones where a query has a candidate, the weights B solve

        min ‖X − X·B‖² + λ·‖B‖²  with  diag(B) = 0,

    which is `B = I − P / diag(P)`, column by column, with `P = (XᵀX + λ·I)⁻¹`. P is the one square
    matrix that is kept, in float32, and it is made in place: 4 · num_candidates² bytes, and about
    num_candidates³ multiplications and additions.

    Args:
        regularization: λ.
        max_candidates: How many candidates are few enough: of 30,000 the inverse takes a quarter of
            an hour on two cores, of twice as many eight times as long.

    Raises:
        DataError: By `fit`, where there are more candidates, or the matrix is larger than the
            memory that is free.

    Source: Steck 2019, "Embarrassingly shallow autoencoders for sparse data".

    Example:

    >>> pairs = Interactions.of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2, 2)
    >>> EASE(regularization=1.0).fit(pairs).scores(pairs, 0, 1).round(3).tolist()
    [[0.0, 0.333]]
    """

    def __init__(self, regularization: float = 500.0, max_candidates: int = 30_000):
        self.regularization = regularization
        self.max_candidates = max_candidates

    def fit(self, interactions: Interactions) -> "EASE":
        size = interactions.num_candidates
        if size > self.max_candidates:
            raise DataError(
                f"EASE of {size:,} candidates inverts a matrix of as many rows, which takes hours.",
                f"At most {self.max_candidates:,} candidates.",
                "Do without EASE, or fit it in Python with a larger max_candidates.",
            )
        needed, free = 4 * size**2, available_memory()
        if free is not None and needed > free:
            raise DataError(
                f"EASE of {size:,} candidates takes {needed / 1e9:,.1f} GB of memory, and "
                f"{free / 1e9:,.1f} GB are free.",
                "A square matrix over the candidates that fits.",
                "Use a machine with more memory, or do without EASE.",
            )
        matrix = np.empty((size, size), "float32")
        for start, end, counts in interactions.together():
            matrix[start:end] = counts
        matrix[np.diag_indices(size)] += self.regularization
        invert_in_place(matrix)
        self.scale = 1.0 / np.diag(matrix).astype("float64")
        np.fill_diagonal(matrix, 0.0)
        self.inverse = matrix
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        offsets, candidates = asked.offsets, asked.candidates
        scores = np.zeros((end - start, len(self.scale)))
        for query, row in zip(range(start, end), scores, strict=True):
            has = candidates[offsets[query] : offsets[query + 1]]
            row -= self.inverse[has].sum(axis=0, dtype="float64")
        return np.multiply(scores, self.scale, out=scores)
