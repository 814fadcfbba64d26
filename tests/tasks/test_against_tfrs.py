"""The ranking task against TensorFlow Recommenders' own, loss and gradient."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.losses.reduction import reduce_losses

draw = np.random.default_rng(5)
GIVEN = {
    "labels": draw.integers(0, 2, 64).astype("float32"),
    "predictions": draw.uniform(0.05, 0.95, 64).astype("float32"),
    "weights": draw.uniform(0, 3, 64).astype("float32"),
}


@pytest.fixture(scope="module")
def tfrs(tmp_path_factory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("tfrs")
    np.savez(folder / "inputs.npz", **GIVEN)
    script = Path(__file__).with_name("tfrs_ranking.py")
    subprocess.run(
        [sys.executable, str(script), str(folder / "inputs.npz"), str(folder / "outputs.npz")],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "tensorflow"},
        check=True,
        capture_output=True,
    )
    return dict(np.load(folder / "outputs.npz"))


def loss_and_gradient(loss, weights):
    """Returns the model's loss of the task, and its gradient by central differences."""
    activation = "sigmoid" if loss == "binary_crossentropy" else None
    task = mtf.Ranking("rating", label="x", loss=loss, activation=activation)
    labels = ops.convert_to_tensor(GIVEN["labels"])
    weights = ops.convert_to_tensor(weights)

    def value(predictions):
        losses = task.example_losses(labels, ops.convert_to_tensor(predictions), {})
        return float(reduce_losses(losses, weights))

    step = 1e-2
    gradient = [
        (value(GIVEN["predictions"] + step * unit) - value(GIVEN["predictions"] - step * unit))
        / (2 * step)
        for unit in np.eye(64, dtype="float32")
    ]
    return value(GIVEN["predictions"]), np.array(gradient)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss", ["mean_squared_error", "mean_absolute_error", "huber", "binary_crossentropy"]
)
def test_ranking(tfrs, loss, weighted):
    weights = GIVEN["weights"] if weighted else np.ones(64, "float32")
    value, gradient = loss_and_gradient(loss, weights)
    # TFRS divides by the number of rows, we by the sum of their weights.
    scale = 64 / weights.sum()
    assert value == pytest.approx(tfrs[f"{loss}/{weighted}/loss"] * scale, rel=1e-5)
    expected = tfrs[f"{loss}/{weighted}/gradient"][:, 0] * scale
    np.testing.assert_allclose(gradient, expected, rtol=5e-2, atol=2e-4)


def test_keras_here_is_not_the_one_of_tfrs():
    assert keras.__version__.startswith("3.")
