"""How long someone stays."""

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
from keras import ops

from mtf_feedback.headed_task import HeadedTask
from mtf_feedback.labels import check_labels, present_labels
from mtf_feedback.log_normal import log_normal_losses, raw_spread, spread_of
from mtframework.part import Policy
from mtframework.registry import register_task


@register_task("dwell_time")
class DwellTime(HeadedTask):
    """Predicts a duration that is log-normal: its logarithm has a mean and a spread.

    Predictions are the mean of `log(label)` and the unbounded number that the spread is made of,
    `[batch, 2]`. The loss of a row is the negative log-likelihood of its logarithm,

        log spread + ½ · ((log label − mean) / spread)² + ½ · log 2π

    which does not depend on the unit of time. Where predictions are good it is negative: balancers
    that multiply losses or take their logarithm cannot have it.

    Yin et al. 2013, "Silence is also evidence: interpreting dwell time for recommendation from
    psychological perspective", find the dwell times of items log-normal.

    Args:
        name: The task's name.
        label: The label's column: numbers above 0, in any unit.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        score: What is served: `"median"`, which is `exp(mean)`, or `"mean"`, which is `exp(mean +
            spread² / 2)` and larger.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = DwellTime("dwell", label="seconds")
    >>> predictions = np.array([[np.log(30.0), 0.0]], "float32")
    >>> round(float(task.scores(predictions)[0]), 3)
    30.0
    """

    # Where the label is missing the row does not count, but its logarithm must be finite.
    label_placeholder = 1.0
    num_outputs = 2

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        hidden_units: Sequence[int] = (64,),
        score: Literal["median", "mean"] = "median",
        dtype: Policy = None,
    ):
        super().__init__(
            name, label, loss_weight, sample_weight, missing_label, hidden_units, dtype
        )
        if score not in ("median", "mean"):
            raise self.wrong("score", score, '"median" or "mean".')
        self.score = score

    def adapt(self, columns, ids):
        """Checks the labels, and starts from the mean and the spread of their logarithms."""
        labels = present_labels(self, columns[self.label])
        check_labels(
            self,
            labels[~((labels > 0) & np.isfinite(labels))],
            "Finite numbers above 0, or missing.",
            f"Set {self.name}/DwellTime.missing_label = 0 where 0 means not measured.",
        )
        if labels.size:
            logs = np.log(labels)
            self.start_at([logs.mean(), raw_spread(logs.std())])

    def call(self, inputs, training=None):
        """Returns the mean of the logarithm and the raw spread, `[batch, 2]`."""
        return self.head(inputs["representation"], training=training)

    def example_losses(self, labels, predictions, inputs):
        """Returns the negative log-likelihood of each row, `[batch]` float32."""
        labels = ops.cast(labels, "float32")
        mean, spread = _parameters(predictions)
        return log_normal_losses(labels, mean, spread)

    def scores(self, predictions):
        """Returns the medians or means, `[batch]`, in the unit of the label."""
        mean, spread = _parameters(predictions)
        return ops.exp(mean if self.score == "median" else mean + 0.5 * ops.square(spread))

    def make_metrics(self):
        return [
            keras.metrics.RootMeanSquaredError(name="rmse"),
            keras.metrics.MeanAbsoluteError(name="mae"),
        ]

    def get_config(self):
        return {**super().get_config(), "score": self.score}


def _parameters(predictions):
    predictions = ops.cast(predictions, "float32")
    return predictions[:, 0], spread_of(predictions[:, 1])
