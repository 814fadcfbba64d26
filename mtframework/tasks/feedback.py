"""A head for feedback that is given or not: a click, a cart, a purchase."""

from collections.abc import Sequence

from keras import ops

from mtframework.losses.entire_space import entire_space_cross_entropy
from mtframework.metrics.by_name import check_metric_names, metrics_by_name
from mtframework.part import Policy
from mtframework.registry import register_task
from mtframework.tasks.task import Task, check_binary, dense_head, require_label


@register_task("binary_feedback")
class BinaryFeedback(Task):
    """Predicts the probability that a row's feedback is given.

    Predictions are logits, `[batch]`, scores are their sigmoid. The loss of a row is the binary
    cross-entropy, `softplus(logit) - label * logit`.

    With a `parent` the task is a link of a chain: its logit is of the feedback **given** the
    parent's, and its loss is that of the whole chain, `P(click) · P(buy | click)`, on all rows that
    have its label (see `mtframework.losses.entire_space`). The label says whether the feedback came
    about, not whether it did given the parent's. `predict` gives the chain's probability under the
    task's name and the conditional one under `{task}_given_{parent}`.

    Args:
        name: The task's name.
        label: The label's column: 0 or 1, or any number where `positive_from` is set.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        positive_from: The smallest label that is a positive, for example 4 stars. Left out,
            labels are 0 or 1 themselves.
        parent: The task that this one can only follow; a `BinaryFeedback`, with or without a
            parent of its own.
        metrics: Which of the registered metrics to report.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = BinaryFeedback("liked", label="user_rating", positive_from=4.0)
    >>> task.build({"representation": (None, 8)})
    >>> logits = task({"representation": np.zeros((2, 8), "float32")})
    >>> ops.convert_to_numpy(task.scores(logits))
    array([0.5, 0.5], dtype=float32)
    """

    gives_probability = True
    is_compared_with_mean = True

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        hidden_units: Sequence[int] = (64,),
        positive_from: float | None = None,
        parent: str | None = None,
        metrics: Sequence[str] = ("auc",),
        dtype: Policy = None,
    ):
        super().__init__(name, label, loss_weight, sample_weight, missing_label, dtype)
        require_label(self)
        self.hidden_units = tuple(hidden_units)
        self.positive_from = positive_from
        self.parent = parent
        self.metric_names = check_metric_names(self.name, metrics)
        self.head = dense_head(self.hidden_units, dtype=self.dtype_policy)

    def adapt(self, columns, ids):
        if self.positive_from is None and self.label is not None:
            check_binary(self, columns[self.label])

    def build(self, input_shape):
        self.head.build(input_shape["representation"])

    def call(self, inputs, training=None):
        """Returns the logits, `[batch]`."""
        return ops.squeeze(self.head(inputs["representation"], training=training), -1)

    def example_losses(self, labels, predictions, inputs):
        """Returns the binary cross-entropy of each row, `[batch]` float32."""
        labels = self.metric_labels(labels)
        logits = ops.cast(predictions, "float32")
        if self.parent is not None:
            parents = [ops.cast(each, "float32") for each in inputs["parents"]]
            return entire_space_cross_entropy(labels, [*parents, logits])
        return ops.softplus(logits) - labels * logits

    def scores(self, predictions):
        """Returns the probabilities, `[batch]`."""
        return ops.sigmoid(ops.cast(predictions, "float32"))

    def metric_labels(self, labels):
        """Returns 1 for positives and 0 for the others, `[batch]` float32."""
        if self.positive_from is None:
            return labels
        return ops.cast(labels >= self.positive_from, "float32")

    def make_metrics(self):
        return metrics_by_name(self.metric_names)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": list(self.hidden_units),
            "positive_from": self.positive_from,
            "parent": self.parent,
            "metrics": list(self.metric_names),
        }
