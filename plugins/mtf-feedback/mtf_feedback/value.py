"""What a row is worth, where most are worth nothing: revenue, lifetime value."""

import keras
import numpy as np
from keras import ops

from mtf_feedback.headed_task import HeadedTask
from mtf_feedback.labels import check_labels, present_labels
from mtf_feedback.log_normal import log_normal_losses, raw_spread, spread_of
from mtframework import TweedieDeviance
from mtframework.registry import register_task


@register_task("value")
class Value(HeadedTask):
    """Predicts a value that is often zero and otherwise log-normal (ZILN).

    Predictions are the logit of `P(label > 0)`, the mean of the logarithm of a positive label, and
    the unbounded number that its spread is made of, `[batch, 3]`. The loss of a row is

        cross-entropy(label > 0, logit) + [label > 0] · log-normal loss(label)

    with the log-normal loss of `DwellTime`. It is that of the paper without its `log label`, which
    no prediction changes and which depends on the currency. It can be negative.

    The score is the expected value, `sigmoid(logit) · exp(mean + spread² / 2)`.

    Wang, Liu & Miao 2019, "A deep probabilistic model for customer lifetime value prediction".

    Args:
        name: The task's name.
        label: The label's column: numbers, zero or more, in any unit.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = Value("revenue", label="spent")
    >>> predictions = np.array([[0.0, 0.0, -20.0]], "float32")  # half are 0, half about 1
    >>> round(float(task.scores(predictions)[0]), 3)
    0.5
    """

    num_outputs = 3
    is_compared_with_mean = True

    def adapt(self, columns, ids):
        """Checks the labels, and starts from their distribution."""
        labels = present_labels(self, columns[self.label])
        check_labels(
            self,
            labels[~((labels >= 0) & np.isfinite(labels))],
            "Finite numbers of at least 0, or missing.",
            f"Correct the column, or set {self.name}/Value.missing_label to what means not known.",
        )
        positive = labels[labels > 0]
        if positive.size:
            # One row of each kind more, so that neither is held impossible.
            odds = (positive.size + 1) / (labels.size - positive.size + 1)
            logs = np.log(positive)
            self.start_at([np.log(odds), logs.mean(), raw_spread(logs.std())])

    def call(self, inputs, training=None):
        """Returns logit, mean of the logarithm and raw spread, `[batch, 3]`."""
        return self.head(inputs["representation"], training=training)

    def example_losses(self, labels, predictions, inputs):
        """Returns the negative log-likelihood of each row, `[batch]` float32."""
        labels = ops.cast(labels, "float32")
        logits, mean, spread = _parameters(predictions)
        positive = labels > 0
        cross_entropy = ops.softplus(logits) - ops.where(positive, logits, 0.0)
        # Both branches of a where have gradients: the logarithm must be finite in each.
        losses = log_normal_losses(ops.where(positive, labels, 1.0), mean, spread)
        return cross_entropy + ops.where(positive, losses, 0.0)

    def scores(self, predictions):
        """Returns the expected values, `[batch]`, in the unit of the label."""
        logits, mean, spread = _parameters(predictions)
        return ops.sigmoid(logits) * ops.exp(mean + 0.5 * ops.square(spread))

    def make_metrics(self):
        return [
            keras.metrics.RootMeanSquaredError(name="rmse"),
            keras.metrics.MeanAbsoluteError(name="mae"),
            TweedieDeviance(),
        ]


def _parameters(predictions):
    predictions = ops.cast(predictions, "float32")
    return predictions[:, 0], predictions[:, 1], spread_of(predictions[:, 2])
