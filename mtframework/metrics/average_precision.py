"""The area under the precision-recall curve."""

import keras
import numpy as np
from keras import ops

from mtframework.registry import register_metric


@register_metric("pr_auc")
class AveragePrecision(keras.metrics.AUC):
    """The area under the precision-recall curve: the mean precision at the positives' scores.

    For rare positives it says more than the area under the ROC curve, which a model can bring
    close to 1 while most of what it puts first is negative. Without any skill it is the share of
    positives.

    While training, Keras's interpolation between 200 thresholds; `mtframework.evaluate` takes
    `exact`. NaN without a positive, which leaves nothing to find.
    """

    higher_is_better = True
    undefined = "no label is positive"

    def __init__(self, name: str = "pr_auc", dtype=None):
        super().__init__(name=name, dtype=dtype, curve="PR")

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    def result(self):
        positives = self.true_positives[0] + self.false_negatives[0]
        return ops.where(ops.equal(positives, 0), float("nan"), super().result())

    @staticmethod
    def exact(labels: np.ndarray, scores: np.ndarray) -> float:
        """Returns the average precision over all distinct scores; NaN without a positive.

            Σₛ (recall(s) − recall(s')) · precision(s)

        over the scores s from the highest on, s' the one before; precision and recall are those of
        all rows that score s or more, so rows of one score come together. Nothing is interpolated.

        Args:
            labels: 0 or 1: `[num_rows]`.
            scores: Any numbers: `[num_rows]`.

        Example:

        >>> AveragePrecision.exact(np.array([1, 0, 1, 0]), np.array([0.9, 0.7, 0.7, 0.1]))
        0.8333333333333333
        """
        is_positive = np.asarray(labels) > 0
        if not is_positive.any():
            return float("nan")
        _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
        of_score = np.bincount(places.ravel(), weights=is_positive, minlength=len(counts))[::-1]
        precision = np.cumsum(of_score) / np.cumsum(counts[::-1])
        return float((of_score * precision).sum() / is_positive.sum())
