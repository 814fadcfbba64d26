"""What every test may use."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf


def losses_and_gradients(task, labels, predictions, inputs=None):
    """Returns `[batch]` losses, and the gradients of their sum by the predictions, in NumPy."""
    labels = ops.convert_to_tensor(np.asarray(labels, "float32"))
    variable = keras.Variable(np.asarray(predictions, "float32"))

    def losses():
        value = ops.convert_to_tensor(variable)
        return task.example_losses(labels, value, inputs or {})

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                total = ops.sum(losses())
            gradient = tape.gradient(total, variable.value)
        case "jax":
            import jax

            def of(value):
                with keras.StatelessScope([(variable, value)]):
                    return ops.sum(losses())

            gradient = jax.grad(of)(variable.value)
        case _:
            import torch

            (gradient,) = torch.autograd.grad(ops.sum(losses()), variable.value)
    return ops.convert_to_numpy(losses()), ops.convert_to_numpy(gradient)


def differences(function, predictions, step=1e-5):
    """Returns the gradient of a NumPy function, a scalar, by central differences in float64."""
    predictions = np.asarray(predictions, "float64")
    gradient = np.zeros_like(predictions)
    for place in np.ndindex(predictions.shape):
        up, down = predictions.copy(), predictions.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient


SCHEMA = mtf.Schema(
    columns=(
        mtf.Column("reader", "categorical", "query"),
        mtf.Column("page", "categorical", "candidate"),
        mtf.Column("stars", "numeric", "label"),
        mtf.Column("visits", "numeric", "label"),
        mtf.Column("seconds", "numeric", "label"),
        mtf.Column("spent", "numeric", "label"),
    ),
    query_key="reader",
    candidate_key="page",
)


def rows(num_rows, seed):
    """Returns rows whose labels follow from the page; a third of each label is missing."""
    draw = np.random.default_rng(seed)
    page = draw.integers(0, 10, num_rows)

    def some(values):
        return np.where(draw.random(num_rows) < 1 / 3, np.nan, values).astype("float32")

    return {
        "reader": draw.integers(0, 20, num_rows),
        "page": page,
        "stars": some(np.clip(1 + page // 2, 1, 5)),
        "visits": some(draw.poisson(1 + page)),
        "seconds": some(np.exp(1 + page / 5 + 0.3 * draw.normal(size=num_rows))),
        "spent": some(np.where(draw.random(num_rows) < page / 12, np.exp(page / 5), 0)),
    }


@pytest.fixture
def dataset():
    return mtf.Dataset(
        schema=SCHEMA,
        train=rows(600, 1),
        test=rows(200, 2),
        catalogue={"page": np.arange(10)},
        name="the pages",
    )
