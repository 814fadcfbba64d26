"""The area under the ROC curve within each query."""

import keras
import numpy as np

from mtframework.registry import register_metric


@register_metric("gauc")
class AreaUnderCurvePerQuery(keras.metrics.Metric):
    """The mean of each query's own area under the ROC curve, weighted by its number of rows (GAUC).

        Σ_q n_q · auc_q / Σ_q n_q

    over the queries q that have a positive and a negative, n_q their rows. It says whether the
    rows of one query are in order, which is what a ranking is for; the plain area also rewards
    knowing which queries are more often positive. Queries of one class have nothing to order, and
    rows of queries never seen in training cannot be told apart; both are left out.

    Only `mtframework.evaluate` reports it, and what builds on that: `compare`, `sweep` and early
    stopping. Batches cut queries apart, so the progress of training does not show it.

    Source: Zhu et al. 2017, "Optimized cost per click in Taobao display advertising".
    """

    higher_is_better = True
    undefined = "no query that training met has a positive and a negative"
    reads_queries = True

    def __init__(self, name: str = "gauc", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    @staticmethod
    def exact(labels: np.ndarray, scores: np.ndarray, queries: np.ndarray) -> float:
        """Returns the weighted mean; NaN where no query has both classes.

        Args:
            labels: 0 or 1: `[num_rows]`.
            scores: Any numbers: `[num_rows]`. Ties count half.
            queries: Whose row it is: `[num_rows]` int ids, 0 for queries never seen in training.

        Example:

        >>> labels, scores = np.array([1, 0, 1, 0, 0, 1]), np.array([0.9, 0.1, 0.2, 0.3, 0.2, 0.8])
        >>> AreaUnderCurvePerQuery.exact(labels, scores, np.array([1, 1, 2, 2, 2, 3]))
        0.55
        """
        is_known = np.asarray(queries) > 0
        queries = np.asarray(queries)[is_known]
        is_positive, scores = np.asarray(labels)[is_known] > 0, np.asarray(scores)[is_known]
        order = np.lexsort((scores, queries))
        queries, is_positive, scores = queries[order], is_positive[order], scores[order]
        is_first = np.append(True, queries[1:] != queries[:-1])[: len(queries)]
        starts, query = np.flatnonzero(is_first), np.cumsum(is_first) - 1
        is_new = is_first | np.append(True, scores[1:] != scores[:-1])[: len(scores)]
        ties = np.flatnonzero(is_new)
        num_ties = np.diff(ties, append=len(scores))
        mean_ranks = np.repeat(ties + (num_ties + 1) / 2, num_ties) - starts[query]
        num = np.diff(starts, append=len(queries))
        positives = np.bincount(query, weights=is_positive, minlength=len(starts))
        ranks = np.bincount(query, weights=mean_ranks * is_positive, minlength=len(starts))
        both = (positives > 0) & (positives < num)
        num, positives, ranks = num[both], positives[both], ranks[both]
        if not len(num):
            return float("nan")
        areas = (ranks - positives * (positives + 1) / 2) / (positives * (num - positives))
        return float((num * areas).sum() / num.sum())
