"""First what the query has by other kinds of feedback, then candidates that are found together."""

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.item_knn import ItemKNN


class OtherFeedbackFirst:
    """Scores what the query has by another kind of feedback above everything else.

    Where purchases are asked for, that is what lies in the cart. Among these and among the others,
    `ItemKNN` decides.

    Example:

    >>> bought = Interactions.of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2, 3)
    >>> bought_or_carted = Interactions.of(np.array([0, 0, 1, 1]), np.array([0, 2, 0, 1]), 2, 3)
    >>> OtherFeedbackFirst().fit(bought).scores(bought_or_carted, 0, 1).round(3).tolist()
    [[0.0, 0.707, 1.707]]
    """

    asked_by_anyone = False  # it keeps what each query has

    def fit(self, interactions: Interactions) -> "OtherFeedbackFirst":
        self.own, self.nearest = interactions, ItemKNN().fit(interactions)
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        scores = self.nearest.scores(self.own, start, end)
        is_first = np.zeros(scores.shape, bool)
        for interactions, is_other in ((asked, True), (self.own, False)):
            is_first[interactions.owners(start, end), interactions.of_queries(start, end)] = (
                is_other
            )
        scores[is_first] += scores.max(initial=0.0) + 1.0
        return scores
