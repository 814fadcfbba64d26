"""Keras's metrics of one number a row, by the names that they are reported under."""

import keras
import numpy as np
from keras import ops

from mtframework.registry import register_metric


@register_metric("accuracy")
class Accuracy(keras.metrics.BinaryAccuracy):
    """The share of rows whose probability is on the label's side of 0.5."""

    higher_is_better = True

    def __init__(self, name: str = "accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register_metric("auc")
class AreaUnderCurve(keras.metrics.AUC):
    """The area under the ROC curve: how often a positive scores above a negative; ties half.

    While training, Keras's sum over 200 thresholds; `mtframework.evaluate` takes `exact`. NaN
    where all labels are the same, which leaves nothing to put in order.
    """

    higher_is_better = True
    undefined = "all labels are the same"

    def __init__(self, name: str = "auc", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    def result(self):
        positives = self.true_positives[0] + self.false_negatives[0]
        negatives = self.true_negatives[0] + self.false_positives[0]
        one_class = ops.logical_or(ops.equal(positives, 0), ops.equal(negatives, 0))
        return ops.where(one_class, float("nan"), super().result())

    @staticmethod
    def exact(labels: np.ndarray, scores: np.ndarray) -> float:
        """Returns the area by the ranks of all scores; NaN where all labels are the same.

            (Σ rank of the positives − P(P + 1) / 2) / (P · N)

        with P positives, N negatives and the mean rank of equal scores (Mann and Whitney 1947, "On
        a test of whether one of two random variables is stochastically larger than the other").

        Args:
            labels: 0 or 1: `[num_rows]`.
            scores: Any numbers: `[num_rows]`.

        Example:

        >>> AreaUnderCurve.exact(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.5, 0.5]))
        0.875
        """
        is_positive = np.asarray(labels) > 0
        positives = int(is_positive.sum())
        negatives = len(is_positive) - positives
        if not positives or not negatives:
            return float("nan")
        _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
        mean_ranks = np.cumsum(counts) - (counts - 1) / 2
        of_positives = mean_ranks[places][is_positive].sum()
        return float((of_positives - positives * (positives + 1) / 2) / (positives * negatives))


@register_metric("log_loss")
class LogLoss(keras.metrics.BinaryCrossentropy):
    """The mean of `−log p` of what came about, in nats."""

    higher_is_better = False

    def __init__(self, name: str = "log_loss", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register_metric("mae")
class MeanAbsoluteError(keras.metrics.MeanAbsoluteError):
    """The mean of `|score − label|`, in the label's unit."""

    higher_is_better = False


@register_metric("mape")
class MeanAbsolutePercentageError(keras.metrics.MeanAbsolutePercentageError):
    """The mean of `100 · |score − label| / |label|`, in percent."""

    higher_is_better = False


@register_metric("mse")
class MeanSquaredError(keras.metrics.MeanSquaredError):
    """The mean of `(score − label)²`."""

    higher_is_better = False


@register_metric("precision")
class Precision(keras.metrics.Precision):
    """The share of positives among the rows with a probability above 0.5."""

    higher_is_better = True

    def __init__(self, name: str = "precision", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register_metric("recall")
class Recall(keras.metrics.Recall):
    """The share of the positives that have a probability above 0.5."""

    higher_is_better = True

    def __init__(self, name: str = "recall", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register_metric("rmse")
class RootMeanSquaredError(keras.metrics.RootMeanSquaredError):
    """The root of the mean of `(score − label)²`, in the label's unit."""

    higher_is_better = False
