from statistics import NormalDist

import numpy as np
import pytest
from conftest import differences, losses_and_gradients
from keras import ops
from mtf_feedback import DwellTime

import mtframework as mtf

LABELS = np.array([1.0, 30.0, 0.2, 600.0])
PREDICTIONS = np.array([[0.5, 0.0], [3.0, -2.0], [-1.0, 1.0], [0.0, 4.0]])


def spread(raw):
    return np.log1p(np.exp(raw)) + 0.01


def negative_log_density(label, mean, raw):
    deviation = (np.log(label) - mean) / spread(raw)
    return -np.log(NormalDist().pdf(0)) + deviation**2 / 2 + np.log(spread(raw))


def test_loss_is_the_negative_log_likelihood():
    task = DwellTime("dwell", label="seconds")
    losses, gradients = losses_and_gradients(task, LABELS, PREDICTIONS)
    expected = [
        -np.log(NormalDist(mean, spread(raw)).pdf(np.log(label)))
        for label, (mean, raw) in zip(LABELS, PREDICTIONS, strict=True)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)

    def loss(predictions):
        return negative_log_density(LABELS, predictions[:, 0], predictions[:, 1]).sum()

    np.testing.assert_allclose(gradients, differences(loss, PREDICTIONS), rtol=1e-3, atol=1e-4)


def test_scores_are_medians_or_means():
    draws = NormalDist(1.0, spread(0.3)).samples(200_000, seed=1)
    predictions = np.array([[1.0, 0.3]], "float32")
    for score, of in (("median", np.median), ("mean", np.mean)):
        task = DwellTime("dwell", label="seconds", score=score)
        assert float(task.scores(predictions)[0]) == pytest.approx(of(np.exp(draws)), rel=0.02)


def test_starts_from_the_logarithms():
    task = DwellTime("dwell", label="seconds")
    task.build({"representation": (None, 2)})
    task.adapt({"seconds": np.exp([1.0, 3.0, np.nan]).astype("float32")}, {})
    predictions = ops.convert_to_numpy(task({"representation": np.zeros((1, 2), "float32")}))
    np.testing.assert_allclose(predictions[0, 0], 2.0, rtol=1e-5)
    np.testing.assert_allclose(spread(predictions[0, 1]), 1.0, rtol=1e-4)


def test_equal_labels_start_finite():
    task = DwellTime("dwell", label="seconds")
    task.build({"representation": (None, 2)})
    task.adapt({"seconds": np.full(5, 7.0, "float32")}, {})
    assert np.isfinite(ops.convert_to_numpy(task.head.layers[-1].bias)).all()


def test_zero_is_refused_unless_it_means_missing():
    seconds = {"seconds": np.array([0.0, 5.0], "float32")}
    task = DwellTime("dwell", label="seconds")
    task.build({"representation": (None, 2)})
    with pytest.raises(mtf.MtframeworkError, match=r"missing_label = 0 where 0 means"):
        task.adapt(seconds, {})
    task = DwellTime("dwell", label="seconds", missing_label=0)
    task.build({"representation": (None, 2)})
    task.adapt(seconds, {})


def test_other_scores_are_refused():
    with pytest.raises(mtf.MtframeworkError, match="score = 'mode'"):
        DwellTime("dwell", label="seconds", score="mode")
