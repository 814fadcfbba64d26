"""A head that tells which of several classes a row has: why it came back, what was done."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_sizes
from mtframework.errors import ModelError
from mtframework.part import Policy
from mtframework.registry import register_task
from mtframework.tasks.task import Task, dense_head, require_label


@register_task("categories")
class Categories(Task):
    """Predicts the probability of each class of a categorical label.

        P(class) = softmax(head(representation))[class]

    The label's column is categorical (in `Tables.columns`, `"categorical label"`). Its classes are
    those of the training rows; they are saved with the model. A row whose class is missing (an
    empty text, None, NaN) or was never seen in training does not count.

    Predictions are logits, `[batch, num_classes]`. The loss of a row is `-log P(its class)`. Scores
    are the probabilities by the classes' names, each `[batch]`: `predict` gives `{task: {class:
    [num_rows]}}`, files and the SavedModel `task/class`. There is no one number to sort by.

    Metrics are `accuracy`, the share of rows whose class is the most probable one; `accuracy_3`,
    the share of those whose class is among the three most probable ones; and `log_loss`, the mean
    of the losses in nats.

    Args:
        name: The task's name.
        label: The label's column, categorical.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = Categories("reason", label="reason")
    >>> task.use_classes(["too large", "too small"])
    >>> probabilities = task.scores(np.zeros((1, 2), "float32"))
    >>> {name: float(each[0]) for name, each in probabilities.items()}
    {'too large': 0.5, 'too small': 0.5}
    """

    label_kind = "categorical"
    label_placeholder = 1.0  # the first class: 0 is no class
    is_compared_with_mean = True

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        hidden_units: Sequence[int] = (64,),
        dtype: Policy = None,
    ):
        super().__init__(name, label, loss_weight, sample_weight, dtype=dtype)
        require_label(self)
        place = f"{self.name}/Categories"
        self.hidden_units = check_sizes(place, "hidden_units", hidden_units, needed=False)

    def build(self, input_shape):
        self.head = dense_head(
            self.hidden_units, input_shape["num_classes"], dtype=self.dtype_policy
        )
        self.head.build(input_shape["representation"])

    def use_classes(self, names):
        self.classes = tuple(names)

    def adapt(self, columns, ids):
        if len(self.classes) < 2:
            raise ModelError(
                f'The label "{self.label}" of the task "{self.name}" has the classes '
                f"{list(self.classes)}.",
                "Two classes or more in the training rows.",
                "Check the label's column, or leave the task out.",
            )

    def call(self, inputs, training=None):
        """Returns the logits, `[batch, num_classes]`."""
        return self.head(inputs["representation"], training=training)

    def example_losses(self, labels, predictions, inputs):
        """Returns `-log P(class)` of each row, `[batch]` float32; `labels` are ids from 1."""
        logits = ops.cast(predictions, "float32")
        own = ops.take_along_axis(logits, self.metric_labels(labels)[:, None], axis=-1)
        return ops.logsumexp(logits, axis=-1) - ops.squeeze(own, -1)

    def scores(self, predictions):
        """Returns the probabilities, `{class: [batch]}` float32."""
        probabilities = ops.softmax(ops.cast(predictions, "float32"), axis=-1)
        return {name: probabilities[:, place] for place, name in enumerate(self.classes)}

    def metric_labels(self, labels):
        """Returns the places of the classes, from 0: `[batch]` int32."""
        return ops.cast(labels, "int32") - 1

    def metric_scores(self, scores):
        """Returns the probabilities, `[batch, num_classes]`."""
        return ops.stack([scores[name] for name in self.classes], axis=-1)

    def constant_scores(self, labels):
        """Returns the share of each class."""
        shares = np.bincount(labels, minlength=len(self.classes)) / len(labels)
        return dict(zip(self.classes, shares.tolist(), strict=True))

    def valid_rows(self, labels):
        """Returns which rows have a class that the model knows, `[batch]` bool."""
        return ops.logical_and(super().valid_rows(labels), labels > 0)

    def make_metrics(self):
        return [
            _Accuracy(name="accuracy"),
            _TopAccuracy(k=3, name="accuracy_3"),
            _LogLoss(name="log_loss"),
        ]

    def get_config(self):
        config = super().get_config()
        del config["missing_label"]
        return {**config, "hidden_units": list(self.hidden_units)}


class _Accuracy(keras.metrics.SparseCategoricalAccuracy):
    higher_is_better = True


class _TopAccuracy(keras.metrics.SparseTopKCategoricalAccuracy):
    higher_is_better = True


class _LogLoss(keras.metrics.SparseCategoricalCrossentropy):
    higher_is_better = False
