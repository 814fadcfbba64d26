"""Stars, grades, and other labels that have an order but no distances."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtf_feedback.headed_task import HeadedTask
from mtf_feedback.labels import check_labels, present_labels
from mtframework.part import Policy
from mtframework.registry import register_task

MIN_GAP = 1e-3
"""Keeps the thresholds apart, and with them the probability of every level above zero."""


@register_task("ordinal_rating")
class OrdinalRating(HeadedTask):
    """Predicts which of several ordered levels a row has, by a cumulative link.

        P(label > levels[k]) = sigmoid(head(representation) − threshold[k])
        P(label = levels[k]) = P(label > levels[k − 1]) − P(label > levels[k])

    A step from two stars to three may take more than one from four to five: the distances are
    learned. Thresholds ascend by construction, each a positive gap above the one before.

    Predictions are the logits of `P(label > levels[k])`, `[batch, num_levels − 1]`, descending
    along the last axis. The loss of a row is `−log P(label)`, the score is the expected level.

    McCullagh 1980, "Regression models for ordinal data" (the proportional odds model).

    Args:
        name: The task's name.
        label: The label's column.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        levels: The values that a label can have, ascending. Two or more.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = OrdinalRating("stars", label="user_rating", levels=[1, 2, 3])
    >>> logits = np.array([[1.0, -1.0]], "float32")  # of more than 1, and of more than 2
    >>> ops.convert_to_numpy(task.probabilities(logits)).round(3)
    array([[0.269, 0.462, 0.269]], dtype=float32)
    >>> float(task.scores(logits)[0])
    2.0
    """

    # The first threshold is the head's bias already.
    has_bias = False

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        hidden_units: Sequence[int] = (64,),
        levels: Sequence[float] = (1.0, 2.0, 3.0, 4.0, 5.0),
        dtype: Policy = None,
    ):
        super().__init__(
            name, label, loss_weight, sample_weight, missing_label, hidden_units, dtype
        )
        self.levels = tuple(float(level) for level in levels)
        if len(self.levels) < 2 or sorted(set(self.levels)) != list(self.levels):
            fix = f"Set {self.name}/OrdinalRating.levels to the label's values, smallest first."
            raise self.wrong("levels", list(levels), "Two or more values, ascending.", fix)

    def build(self, input_shape):
        super().build(input_shape)
        self.first_threshold = self._add_parameter("first_threshold", 1)
        self.raw_gaps = self._add_parameter("raw_gaps", len(self.levels) - 2)

    def adapt(self, columns, ids):
        """Checks the labels, and starts from the levels' frequencies."""
        labels = present_labels(self, columns[self.label])
        check_labels(
            self,
            labels[~np.isin(labels, np.float32(self.levels).astype("float64"))],
            f"One of {list(self.levels)}, or missing.",
            f"List all values in {self.name}/OrdinalRating.levels.",
        )
        counts = [(labels == np.float32(level)).sum() + 1 for level in self.levels]
        above = 1 - np.cumsum(counts)[:-1] / np.sum(counts)
        thresholds = np.log(1 - above) - np.log(above)
        self.first_threshold.assign(thresholds[:1])
        self.raw_gaps.assign(np.log(np.expm1(np.maximum(np.diff(thresholds) - MIN_GAP, MIN_GAP))))

    def thresholds(self):
        """Returns the thresholds, `[num_levels − 1]` float32, ascending."""
        gaps = ops.softplus(ops.convert_to_tensor(self.raw_gaps)) + MIN_GAP
        first = ops.convert_to_tensor(self.first_threshold)
        return ops.concatenate([first, first + ops.cumsum(gaps)])

    def call(self, inputs, training=None):
        """Returns the logits of `P(label > level)`, `[batch, num_levels − 1]` float32."""
        latent = self.head(inputs["representation"], training=training)
        return ops.cast(latent, "float32") - self.thresholds()

    def example_losses(self, labels, predictions, inputs):
        """Returns `−log P(label)` of each row, `[batch]` float32."""
        labels = ops.cast(labels, "float32")
        # sigmoid(a) − sigmoid(b) = sigmoid(a) · sigmoid(−b) · (1 − exp(b − a)): no difference of
        # nearly equal numbers. The lowest level has no a, the highest no b.
        levels = ops.convert_to_tensor(np.float32(self.levels[:-1]))
        level = ops.sum(ops.cast(labels[:, None] > levels, "int32"), axis=-1)
        numbers = ops.arange(len(self.levels) - 1)
        just_below = ops.equal(numbers, level[:, None] - 1)
        at = ops.equal(numbers, level[:, None])
        predictions = ops.cast(predictions, "float32")
        losses = ops.where(just_below, ops.softplus(-predictions), 0.0)
        losses = ops.sum(losses + ops.where(at, ops.softplus(predictions), 0.0), axis=-1)
        gaps = ops.maximum(predictions[:, :-1] - predictions[:, 1:], MIN_GAP)
        between = ops.where(just_below[:, :-1], -ops.log(-ops.expm1(-gaps)), 0.0)
        return losses + ops.sum(between, axis=-1)

    def probabilities(self, predictions):
        """Returns the probability of each level, `[batch, num_levels]`."""
        above = ops.sigmoid(ops.cast(predictions, "float32"))
        ends = ops.ones_like(above[:, :1])
        return ops.concatenate([ends, above], -1) - ops.concatenate([above, 0 * ends], -1)

    def scores(self, predictions):
        """Returns the expected levels, `[batch]`."""
        above = ops.sigmoid(ops.cast(predictions, "float32"))
        steps = ops.convert_to_tensor(np.diff(np.float32(self.levels)))
        return self.levels[0] + ops.sum(above * steps, axis=-1)

    def make_metrics(self):
        return [
            keras.metrics.RootMeanSquaredError(name="rmse"),
            keras.metrics.MeanAbsoluteError(name="mae"),
        ]

    def get_config(self):
        return {**super().get_config(), "levels": list(self.levels)}

    def _add_parameter(self, name: str, size: int):
        # In half precision neighbouring thresholds could fall together.
        return self.add_weight(
            shape=(size,), initializer="zeros", dtype="float32", autocast=False, name=name
        )
