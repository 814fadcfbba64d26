"""A head that predicts a number for a row."""

import itertools
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.metrics.by_name import check_metric_names, metrics_by_name
from mtframework.part import Policy
from mtframework.registry import register_task
from mtframework.tasks.task import Task, check_binary, dense_head, require_label


@register_task("ranking")
class Ranking(Task):
    """Predicts a row's label: a rating, a price, a probability.

    The prediction is `activation(head(representation))`, `[batch]`; with `bilinear`, the sum over
    all pairs of towers of `aᵀ W b` is added before the activation: products, which dense layers
    learn slowly (Rendle et al. 2020, "Neural collaborative filtering vs. matrix factorization
    revisited"), with a matrix W of each pair's own. The loss of a row is any loss
    that Keras knows by name, taken of this one number, for example `"mean_squared_error"`,
    `"huber"` or, with `activation="sigmoid"`, `"binary_crossentropy"`.

    Args:
        name: The task's name.
        label: The label's column.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        loss: The Keras name of the loss.
        activation: The Keras name of the prediction's activation; None for a plain number.
        metrics: Which of the registered metrics to report, such as `["rmse"]`. Left
            out, `rmse` and `mae`; `auc` where the loss is of probabilities.
        bilinear: Whether the towers' embeddings are multiplied with each other as well.
        start_at_mean: Whether the head's bias begins at the mean label of the training rows in
            place of 0, which it would take a short training long to reach. For a plain number,
            without an activation.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = Ranking("rating", label="user_rating", hidden_units=[16])
    >>> task.build({"representation": (None, 8)})
    >>> tuple(task({"representation": np.zeros((3, 8), "float32")}).shape)
    (3,)
    """

    is_compared_with_mean = True

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        hidden_units: Sequence[int] = (64,),
        loss: str = "mean_squared_error",
        activation: str | None = None,
        metrics: Sequence[str] | None = None,
        bilinear: bool = False,
        start_at_mean: bool = False,
        dtype: Policy = None,
    ):
        super().__init__(name, label, loss_weight, sample_weight, missing_label, dtype)
        require_label(self)
        self.hidden_units = tuple(hidden_units)
        self.loss = loss
        self.activation_name = activation
        self.loss_of_number = self.make_loss()
        if loss in _CROSSENTROPIES and activation != "sigmoid":
            raise ModelError(
                f'The task "{self.name}" has loss = {loss!r} and activation = {activation!r}.',
                "activation = 'sigmoid', since the loss is of probabilities.",
                f"Set {self.name}/{type(self).__name__}.activation = 'sigmoid', or take "
                "BinaryFeedback.",
            )
        if activation in _OVER_SEVERAL:
            raise ModelError(
                f'The task "{self.name}" has activation = {activation!r}, which is of several '
                "numbers, and the task predicts one.",
                "An activation for one number, such as 'sigmoid', or None.",
                f"Correct {self.name}/{type(self).__name__}.activation.",
            )
        if start_at_mean and activation is not None:
            raise ModelError(
                f'The task "{self.name}" has start_at_mean = {start_at_mean} and activation = '
                f"{activation!r}.",
                "No activation, since the bias is the mean only without one.",
                f"Leave out {self.name}/{type(self).__name__}.start_at_mean or the activation.",
            )
        self.start_at_mean = start_at_mean
        self.activation = keras.activations.get(activation)
        self.bilinear = bilinear
        self.pairs: dict[tuple[str, str], keras.Variable] = {}
        self.head = dense_head(self.hidden_units, dtype=self.dtype_policy)
        default = ("auc",) if loss in _CROSSENTROPIES else ("rmse", "mae")
        self.metric_names = check_metric_names(self.name, default if metrics is None else metrics)

    def adapt(self, columns, ids):
        if self.loss in _CROSSENTROPIES and self.label is not None:
            check_binary(self, columns[self.label])
        if self.start_at_mean and self.label is not None:
            labels = np.asarray(columns[self.label], "float32")
            valid = ops.convert_to_numpy(self.valid_rows(ops.convert_to_tensor(labels)))
            bias = self.head.layers[-1].bias
            if not valid.any():
                return
            bias.assign(np.full(bias.shape, labels[valid].mean(dtype="float64"), "float32"))

    def build(self, input_shape):
        self.head.build(input_shape["representation"])
        if not self.bilinear:
            return
        sizes = {name: shape[-1] for name, shape in input_shape["towers"].items()}
        for first, second in itertools.combinations(sizes, 2):
            self.pairs[first, second] = self.add_weight(
                (sizes[first], sizes[second]), name=f"{first}_{second}"
            )

    def call(self, inputs, training=None):
        """Returns the predicted numbers, `[batch]`."""
        logits = self.head(inputs["representation"], training=training)
        logits = ops.squeeze(logits, -1)
        towers = inputs["towers"] if self.pairs else {}
        for (first, second), matrix in self.pairs.items():
            product = ops.matmul(towers[first], matrix) * towers[second]
            logits = logits + ops.sum(product, axis=-1)
        return self.activation(logits)

    def example_losses(self, labels, predictions, inputs):
        """Returns the loss of each row, `[batch]` float32."""
        predictions = ops.cast(predictions, "float32")
        return self.loss_of_number(ops.expand_dims(labels, -1), ops.expand_dims(predictions, -1))

    def make_loss(self):
        """Returns a function of labels and predictions, `[batch, 1]`, to losses, `[batch]`."""
        return _keras_loss(self.name, self.loss)

    def make_metrics(self):
        return metrics_by_name(self.metric_names)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": list(self.hidden_units),
            "loss": self.loss,
            "activation": self.activation_name,
            "metrics": list(self.metric_names),
            "bilinear": self.bilinear,
            "start_at_mean": self.start_at_mean,
        }


_CROSSENTROPIES = ("binary_crossentropy", "binary_focal_crossentropy")

# Of several numbers together: of a batch's, a row would depend on its neighbours.
_OVER_SEVERAL = ("softmax", "log_softmax", "sparsemax", "glu")

# Of one number each: losses over several classes have no place in this head.
_LOSSES = (
    *_CROSSENTROPIES,
    "hinge",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "squared_hinge",
)


def _keras_loss(task: str, loss: str):
    if loss not in _LOSSES:
        raise ModelError(
            f'The task "{task}" has loss = {loss!r}.{did_you_mean(str(loss), _LOSSES)}',
            f"One of {quoted_list(_LOSSES)}.",
            "Correct the name, or write a task of your own for another loss.",
        )
    return getattr(keras.losses, loss)
