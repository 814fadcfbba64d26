"""`check_task`: built-in tasks pass, and each clause catches a task that breaks it."""

import os

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import ContractError, ModelError
from mtframework.registry import TASKS, register_task
from mtframework.testing import check_task
from mtframework.testing.every_backend import check_other_backends

STARS = (2.0, 4.0, 5.0)
BUILT_IN = {
    "ranking": (lambda: mtf.Ranking("a", label="x", hidden_units=[4]), {"labels": STARS}),
    "probability": (
        lambda: mtf.Ranking("a", label="x", loss="binary_crossentropy", activation="sigmoid"),
        {},
    ),
    "chain": (lambda: mtf.BinaryFeedback("buy", label="x", parent="click"), {}),
    "positives": (
        lambda: mtf.BinaryFeedback("a", label="x", positive_from=4),
        {"labels": STARS},
    ),
    "classes": (
        lambda: mtf.Categories("a", label="x", hidden_units=[4]),
        {"labels": ["red", "green", "blue"]},
    ),
    "batch": (
        lambda: mtf.Retrieval("a", query="user", candidate="film", reduction="sum"),
        {"compares_rows": True, "query": "user", "candidate": "film"},
    ),
    "mixed": (
        lambda: mtf.Retrieval(
            "a", label="x", positive_from=4, num_uniform_negatives=4, training_top_k=[2]
        ),
        {"labels": STARS, "compares_rows": True},
    ),
    "views": (
        lambda: mtf.Retrieval("a", query_units=[3], candidate_bias=True),
        {"compares_rows": True},
    ),
    "catalogue": (
        lambda: mtf.Retrieval("a", label="x", positive_from=4, negatives="catalogue"),
        {"labels": STARS},
    ),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_tasks_pass(name):
    make, arguments = BUILT_IN[name]
    check_task(make, **arguments)


class Good(mtf.Task):
    """A number, by squared error."""

    def __init__(
        self, name=None, label="x", loss_weight=1.0, sample_weight=None, missing_label=None
    ):
        super().__init__(name, label, loss_weight, sample_weight, missing_label)
        self.head = keras.layers.Dense(1)

    def build(self, input_shape):
        self.head.build(input_shape["representation"])

    def call(self, inputs, training=None):
        return ops.squeeze(self.head(inputs["representation"]), -1)

    def example_losses(self, labels, predictions, inputs):
        return ops.square(ops.cast(predictions, "float32") - labels)


class ForgetsAnArgument(Good):
    def __init__(
        self, name=None, label="x", loss_weight=1.0, sample_weight=None, missing_label=None, k=1
    ):
        super().__init__(name, label, loss_weight, sample_weight, missing_label)
        self.k = k


class ConfiguresAnother(Good):
    def get_config(self):
        return {**super().get_config(), "loss_weight": 2 * self.loss_weight}


class Reduces(Good):
    def example_losses(self, labels, predictions, inputs):
        return ops.mean(super().example_losses(labels, predictions, inputs))


class ScoresInColumns(Good):
    def scores(self, predictions):
        return ops.expand_dims(predictions, -1)


class SpreadsTheMean(Good):
    def example_losses(self, labels, predictions, inputs):
        losses = super().example_losses(labels, predictions, inputs)
        return ops.ones_like(losses) * ops.mean(losses)


class DividesByTheBatch(Good):
    def example_losses(self, labels, predictions, inputs):
        losses = super().example_losses(labels, predictions, inputs)
        return losses / max(len(losses), 1)


class CentresTheBatch(Good):
    def call(self, inputs, training=None):
        predictions = super().call(inputs)
        return predictions - ops.mean(predictions)


class NamesAMetricLoss(Good):
    def make_metrics(self):
        return [keras.metrics.MeanSquaredError(name="loss")]


class KeepsItsMetrics(Good):
    kept = keras.metrics.MeanSquaredError(name="mse")

    def make_metrics(self):
        return [self.kept]


class TakesTheLogarithmOfAMissingLabel(Good):
    def example_losses(self, labels, predictions, inputs):
        return ops.square(ops.cast(predictions, "float32") - ops.log(labels))


class CountsMissingLabels(Good):
    def valid_rows(self, labels):
        return ops.logical_not(ops.isnan(labels))  # and not missing_label


class CannotBeEmpty(Good):
    def example_losses(self, labels, predictions, inputs):
        losses = super().example_losses(labels, predictions, inputs)
        return losses + 0.0 * ops.cast(ops.argmax(losses), "float32")  # of nothing, there is none


class CountsEveryBatch(Good):
    def build(self, input_shape):
        super().build(input_shape)
        self.steps = self.add_weight(shape=(), trainable=False, name="steps")

    def call(self, inputs, training=None):
        if training:
            self.steps.assign(self.steps + 1)
        return super().call(inputs)


class PenalisesItsWeights(Good):
    def __init__(
        self, name=None, label="x", loss_weight=1.0, sample_weight=None, missing_label=None
    ):
        super().__init__(name, label, loss_weight, sample_weight, missing_label)
        self.head = keras.layers.Dense(1, kernel_regularizer="l2")


class LeavesAWeightOut(Good):
    def build(self, input_shape):
        super().build(input_shape)
        self.unused = self.add_weight(shape=(2,), name="unused")


class StopsTheGradient(Good):
    def call(self, inputs, training=None):
        representation = ops.stop_gradient(inputs["representation"])
        return super().call({"representation": representation})


class WeighsItsRows(Good):
    def example_losses(self, labels, predictions, inputs):
        losses = super().example_losses(labels, predictions, inputs)
        return losses * inputs["row_weights"]


class LearnsOutsideOfWeights(Good):
    mean = 0.0

    def adapt(self, columns, ids):
        self.mean = float(np.nanmean(columns[self.label]))

    def call(self, inputs, training=None):
        return super().call(inputs) + self.mean


class LosesInHalf(Good):
    def example_losses(self, labels, predictions, inputs):
        return ops.square(predictions - ops.cast(labels, predictions.dtype))


class OverflowsInHalf(Good):
    def scores(self, predictions):
        return ops.exp(ops.abs(predictions) + 12)  # float16 ends at exp(11.09)


class DecidesInPython(Good):
    def example_losses(self, labels, predictions, inputs):
        losses = super().example_losses(labels, predictions, inputs)
        return losses if len(losses) == 0 or float(losses[0]) >= 0 else -losses


class HasNoLoss(Good):
    def example_losses(self, labels, predictions, inputs):
        raise KeyError("no such thing")


BROKEN = [
    (ForgetsAnArgument, "configuration", "get_config leaves out k."),
    (ConfiguresAnother, "configuration", "another loss_weight"),
    (HasNoLoss, "shapes", "KeyError: 'no such thing'"),
    (Reduces, "shapes", "example_losses of a batch of 32 has the shape ()."),
    (ScoresInColumns, "shapes", "scores of a batch of 32 has the shape (32, 1)."),
    (SpreadsTheMean, "rows", "All 32 rows of a batch have the loss"),
    (DividesByTheBatch, "rows", "The loss of a row in a batch of 9 differs"),
    (CentresTheBatch, "rows", "The prediction of a row in a batch of 9 differs"),
    (NamesAMetricLoss, "metrics", 'A metric is named "loss"'),
    (KeepsItsMetrics, "metrics", "the same metric twice"),
    (TakesTheLogarithmOfAMissingLabel, "missing labels", "After a step with missing labels"),
    (CountsMissingLabels, "missing labels", "labels of the value missing_label differs"),
    (CannotBeEmpty, "empty batch", "Error"),
    (CountsEveryBatch, "empty batch", "steps changed in a step in which no row counts"),
    (PenalisesItsWeights, "empty batch", "kernel changed in a step in which no row counts"),
    (LeavesAWeightOut, "gradients", "unused does not change in three training steps"),
    (StopsTheGradient, "gradients", "embeddings does not change in three training steps"),
    (WeighsItsRows, "sample weights", "whose weights are doubled differs"),
    (LearnsOutsideOfWeights, "saving", "What a loaded model predicts"),
    (LosesInHalf, "half precision", "example_losses is float16 under mixed_float16"),
    (OverflowsInHalf, "half precision", "Under mixed_float16, scores holds NaN or an infinity"),
]
if keras.backend.backend() != "torch":  # where Python runs in every step
    BROKEN.append((DecidesInPython, "compilation", "Error"))


@pytest.mark.parametrize(
    ("cls", "clause", "found"), BROKEN, ids=[cls.__name__ for cls, _, _ in BROKEN]
)
def test_each_clause_catches_what_breaks_it(cls, clause, found, register):
    register(TASKS, cls)
    with pytest.raises(ContractError) as caught:
        check_task(lambda: cls("a"), labels=(1.0, 3.0, 6.0), clause=clause)
    assert caught.value.found.startswith(f'{cls.__name__} breaks the clause "{clause}": ')
    assert found in caught.value.found
    assert caught.value.fix


def test_a_good_task_passes_and_must_be_registered(register):
    with pytest.raises(ContractError, match='breaks the clause "registration"') as caught:
        check_task(lambda: Good("a"), clause="registration")
    assert '@register_task("my_name")' in caught.value.fix
    register(TASKS, Good)
    check_task(Good, labels=(1.0, 3.0, 6.0))


def test_what_makes_no_new_task_is_refused():
    task = Good("a")
    with pytest.raises(ModelError, match="which makes"):
        check_task(lambda: task)
    with pytest.raises(ModelError, match="which makes"):
        check_task(lambda: "a task")


class BreaksElsewhere(Good):
    def scores(self, predictions):
        return predictions[:, None] if os.environ["AT_HOME"] != _backend() else predictions


def make_breaking_elsewhere():
    # Called in another process too, where this file is imported by its path.
    if all(part.cls is not BreaksElsewhere for part in TASKS):
        register_task("breaks_elsewhere")(BreaksElsewhere)
    return BreaksElsewhere("a")


def _backend():
    return keras.backend.backend()


def test_every_backend_names_the_one_where_it_breaks(register, monkeypatch):
    other = "jax" if _backend() == "tensorflow" else "tensorflow"
    monkeypatch.setenv("AT_HOME", _backend())
    with pytest.raises(ContractError) as caught:
        check_other_backends("check_task", make_breaking_elsewhere, {"labels": [1.0, 3.0]})
    assert caught.value.found == (
        f'On {other}: BreaksElsewhere breaks the clause "shapes": scores of a batch of 32 has the '
        "shape (32, 1)."
    )
    assert caught.value.expected == "(32,)."


def test_every_backend_needs_a_name_to_find():
    with pytest.raises(ModelError, match="Another process cannot find"):
        check_other_backends("check_task", lambda: Good("a"), {})
