"""How often something happens: plays, visits, messages."""

import keras
import numpy as np
from keras import ops

from mtf_feedback.headed_task import HeadedTask
from mtf_feedback.labels import check_labels, present_labels
from mtframework import PoissonDeviance
from mtframework.registry import register_task


@register_task("count")
class Count(HeadedTask):
    """Predicts a count that follows a Poisson distribution.

        rate = exp(head(representation))

    Predictions are the logarithms of the rates, `[batch]`, scores are the rates. The loss of a row
    is half the unit deviance,

        rate − label + label · log(label / rate)

    which differs from `−log P(label)` by what no prediction changes, and is zero where the rate
    is the label: a loss that cannot be negative works with every loss balancer.

    McCullagh & Nelder 1989, "Generalized linear models", chapter 6.

    Args:
        name: The task's name.
        label: The label's column: numbers, zero or more.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = Count("plays", label="num_plays")
    >>> log_rates = np.log(np.array([3.0, 3.0], "float32"))
    >>> losses = task.example_losses(np.array([3.0, 0.0], "float32"), log_rates, {})
    >>> ops.convert_to_numpy(losses).round(3).tolist()
    [0.0, 3.0]
    """

    is_compared_with_mean = True

    def adapt(self, columns, ids):
        """Checks the labels, and starts from their mean."""
        labels = present_labels(self, columns[self.label])
        check_labels(
            self,
            labels[~((labels >= 0) & np.isfinite(labels))],
            "Finite numbers of at least 0, or missing.",
            f"Correct the column, or set {self.name}/Count.missing_label to what means not known.",
        )
        if labels.size and labels.mean() > 0:
            self.start_at([np.log(labels.mean())])

    def call(self, inputs, training=None):
        """Returns the logarithms of the rates, `[batch]`."""
        return ops.squeeze(self.head(inputs["representation"], training=training), -1)

    def example_losses(self, labels, predictions, inputs):
        """Returns half the unit deviance of each row, `[batch]` float32."""
        labels = ops.cast(labels, "float32")
        log_rates = ops.cast(predictions, "float32")
        # 0 · log 0 is 0.
        log_labels = ops.log(ops.where(labels > 0, labels, 1.0))
        return ops.exp(log_rates) - labels + labels * (log_labels - log_rates)

    def scores(self, predictions):
        """Returns the rates, `[batch]`."""
        return ops.exp(ops.cast(predictions, "float32"))

    def make_metrics(self):
        return [
            keras.metrics.RootMeanSquaredError(name="rmse"),
            keras.metrics.MeanAbsoluteError(name="mae"),
            PoissonDeviance(),
        ]
