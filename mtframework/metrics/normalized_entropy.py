"""How much of the uncertainty about an outcome remains."""

import keras
import numpy as np
from keras import ops

from mtframework.registry import register_metric

_SMALLEST = 1e-7  # as Keras cuts probabilities, and `log_loss` with it


@register_metric("normalized_entropy")
class NormalizedEntropy(keras.metrics.Metric):
    """The mean of `−log p` of what came about, over that of whoever knows the share of positives.

        Σᵢ −log p(labelᵢ) / n  /  (−s log s − (1 − s) log(1 − s))

    with s the share of positives among the n rows. 1 is no better than that share, below is better.
    Unlike `log_loss` it does not become small where positives are rare, so that heads may be
    compared. NaN where all labels are the same, which leaves no uncertainty.

    Source: He et al. 2014, "Practical lessons from predicting clicks on ads at Facebook".

    Example:

    >>> metric = NormalizedEntropy()
    >>> metric.update_state(np.array([[1.0], [0.0]]), np.array([[0.5], [0.5]]))
    >>> round(float(metric.result()), 6)
    1.0
    """

    higher_is_better = False
    undefined = "all labels are the same"

    def __init__(self, name: str = "normalized_entropy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.rows = self.add_variable((), "zeros", name="rows")
        self.positives = self.add_variable((), "zeros", name="positives")
        self.losses = self.add_variable((), "zeros", name="losses")

    def update_state(self, labels, scores, sample_weight=None):
        """Adds a batch: labels and scores, `[batch, 1]`, and the rows' weights, `[batch]`."""
        labels, scores = (ops.reshape(ops.cast(x, self.dtype), (-1,)) for x in (labels, scores))
        weights = ops.ones_like(scores)
        if sample_weight is not None:
            weights = weights * ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        scores = ops.clip(scores, _SMALLEST, 1 - _SMALLEST)
        losses = -labels * ops.log(scores) - (1 - labels) * ops.log(1 - scores)
        self.rows.assign_add(ops.sum(weights))
        self.positives.assign_add(ops.sum(weights * labels))
        self.losses.assign_add(ops.sum(weights * losses))

    def result(self):
        share = self.positives / ops.maximum(self.rows, 1e-12)
        one_class = ops.logical_or(share <= 0, share >= 1)
        inside = ops.where(one_class, 0.5, share)
        entropy = -inside * ops.log(inside) - (1 - inside) * ops.log(1 - inside)
        return ops.where(
            one_class, float("nan"), self.losses / ops.maximum(self.rows, 1e-12) / entropy
        )

    @staticmethod
    def exact(labels: np.ndarray, scores: np.ndarray) -> float:
        """Returns the same of all rows in float64; NaN where all labels are the same.

        Args:
            labels: 0 or 1: `[num_rows]`.
            scores: Probabilities: `[num_rows]`.

        Example:

        >>> NormalizedEntropy.exact(np.array([1, 0]), np.array([0.5, 0.5]))
        1.0
        """
        is_positive = np.asarray(labels) > 0
        share = is_positive.mean() if len(is_positive) else 0.0
        if not 0 < share < 1:
            return float("nan")
        scores = np.clip(np.asarray(scores, "float64"), _SMALLEST, 1 - _SMALLEST)
        loss = -np.log(np.where(is_positive, scores, 1 - scores)).mean()
        return float(loss / (-share * np.log(share) - (1 - share) * np.log(1 - share)))

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}
