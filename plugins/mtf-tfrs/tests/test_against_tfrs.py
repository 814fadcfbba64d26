"""Losses and gradients against TensorFlow Recommenders called plainly, in its own process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from mtf_tfrs import TfrsRanking, TfrsRetrieval

draw = np.random.default_rng(5)
IDS = draw.integers(0, 6, 16).astype("int32")
GIVEN = {
    "labels": draw.integers(0, 2, (16, 1)).astype("float32"),
    "predictions": draw.uniform(0.05, 0.95, (16, 1)).astype("float32"),
    "queries": draw.normal(size=(16, 4)).astype("float32"),
    "candidates": draw.normal(size=(6, 4)).astype("float32")[IDS],
    "weights": draw.uniform(0.5, 2, 16).astype("float32"),
    "ids": IDS,
    "probability": (np.bincount(IDS, minlength=6) / 16).astype("float32")[IDS],
}


@pytest.fixture(scope="module")
def tfrs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfrs")
    np.savez(folder / "given.npz", **GIVEN)
    subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("tfrs_reference.py")),
            str(folder / "given.npz"),
            str(folder / "results.npz"),
        ],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        check=True,
        capture_output=True,
    )
    return dict(np.load(folder / "results.npz"))


@pytest.mark.parametrize("loss", ["mean_squared_error", "huber", "binary_crossentropy"])
def test_ranking(tfrs, loss):
    activation = "sigmoid" if loss == "binary_crossentropy" else None
    task = TfrsRanking("rating", label="x", loss=loss, activation=activation)
    predictions = tf.constant(GIVEN["predictions"][:, 0])
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        losses = task.example_losses(tf.constant(GIVEN["labels"][:, 0]), predictions, {})
        mean = tf.reduce_mean(losses)
    assert losses.shape == (16,)
    assert float(mean) == pytest.approx(tfrs[f"{loss}/loss"], rel=1e-5)
    np.testing.assert_allclose(
        tape.gradient(mean, predictions), tfrs[f"{loss}/gradient"][:, 0], rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        ("plain", {}),
        ("temperature", {"temperature": 0.2}),
        ("accidental", {"remove_accidental_hits": True}),
        ("hard", {"num_hard_negatives": 3}),
        ("probability", {"logq": True}),
    ],
)
def test_retrieval(tfrs, case, arguments):
    task = TfrsRetrieval("watch", query="user", candidate="movie", **arguments)
    task.build({"towers": {"user": (None, 4), "movie": (None, 4)}, "num_ids": {"movie": 6}})
    task.adapt({}, {"movie": IDS})
    towers = {"user": tf.constant(GIVEN["queries"]), "movie": tf.constant(GIVEN["candidates"])}
    with tf.GradientTape() as tape:
        tape.watch(towers)
        losses = task.example_losses(None, None, {"towers": towers, "ids": {"movie": IDS}})
        total = tf.reduce_sum(losses * GIVEN["weights"])
    assert losses.shape == (16,)
    assert float(total) == pytest.approx(tfrs[f"{case}/loss"], rel=1e-5)
    gradients = tape.gradient(total, towers)
    np.testing.assert_allclose(
        np.stack([gradients["user"], gradients["movie"]]),
        tfrs[f"{case}/gradient"],
        rtol=1e-4,
        atol=1e-5,
    )
