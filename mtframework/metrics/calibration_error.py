"""How far probabilities are from the shares that come about."""

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_count
from mtframework.registry import register_metric


@register_metric("calibration_error")
class CalibrationError(keras.metrics.Metric):
    """The expected calibration error: the mean gap of probabilities and what comes about.

        Σ_b n_b / n · |mean label of b − mean probability of b|

    over bins b of equal width, `(0, 1/15]`, `(1/15, 2/15]`, …, with n_b of the n rows; 0 is in the
    first bin. A model that says 0.3 of rows of which 30 % are positive has no gap there, however
    well or badly it tells them apart.

    While training, sums in float32; `mtframework.evaluate` takes `exact`. NaN where a score is not
    within 0 and 1.

    Args:
        name: The metric's name.
        dtype: Keras's.
        num_bins: How many bins there are. With more of them, each has fewer rows, and chance alone
            makes the gaps larger.

    Raises:
        ModelError: `num_bins` is not a whole number of at least 1.

    Source: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """

    higher_is_better = False
    undefined = "a score is not within 0 and 1"

    def __init__(self, name: str = "calibration_error", dtype=None, num_bins: int = 15):
        super().__init__(name=name, dtype=dtype)
        self.num_bins = check_count("CalibrationError", "num_bins", num_bins)
        self.rows = self.add_variable((num_bins,), "zeros", name="rows")
        self.gaps = self.add_variable((num_bins,), "zeros", name="gaps")

    def update_state(self, labels, scores, sample_weight=None):
        """Adds a batch: labels and scores, `[batch, 1]`, and the rows' weights, `[batch]`."""
        labels, scores = (ops.reshape(ops.cast(x, self.dtype), (-1,)) for x in (labels, scores))
        is_probability = ops.logical_and(scores >= 0, scores <= 1)
        gaps = ops.where(is_probability, labels - scores, float("nan"))
        weights = ops.ones_like(scores)
        if sample_weight is not None:
            weights = weights * ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        bins = ops.cast(ops.ceil(scores * self.num_bins), "int32") - 1
        bins = ops.one_hot(ops.clip(bins, 0, self.num_bins - 1), self.num_bins, dtype=self.dtype)
        self.rows.assign_add(ops.matmul(weights, bins))
        self.gaps.assign_add(ops.matmul(weights * gaps, bins))

    def result(self):
        return ops.divide_no_nan(ops.sum(ops.abs(self.gaps)), ops.sum(self.rows))

    def exact(self, labels: np.ndarray, scores: np.ndarray) -> float:
        """Returns the error in float64; NaN where a score is not within 0 and 1.

        Args:
            labels: 0 or 1: `[num_rows]`.
            scores: Probabilities: `[num_rows]`.

        Example:

        >>> CalibrationError(num_bins=2).exact(np.array([0, 1, 1]), np.array([0.25, 0.25, 0.75]))
        0.25
        """
        scores = np.asarray(scores, "float64")
        if not ((scores >= 0) & (scores <= 1)).all():
            return float("nan")
        bins = np.searchsorted(np.linspace(0, 1, self.num_bins + 1)[1:-1], scores)
        gaps = np.bincount(bins, weights=np.asarray(labels, "float64") - scores)
        return float(np.abs(gaps).sum() / len(scores)) if len(scores) else float("nan")

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "num_bins": self.num_bins}
