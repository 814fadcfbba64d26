from statistics import NormalDist

import numpy as np
import pytest
from conftest import differences, losses_and_gradients
from keras import ops
from mtf_feedback import Value

import mtframework as mtf

LABELS = np.array([0.0, 0.0, 2.0, 150.0])
PREDICTIONS = np.array([[0.5, 1.0, 0.0], [-3.0, 0.0, 1.0], [1.0, 0.5, -1.0], [-2.0, 3.0, 2.0]])


def spread(raw):
    return np.log1p(np.exp(raw)) + 0.01


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loss(predictions):
    """The paper's, less the logarithm of the label, row by row."""
    total = 0.0
    for label, (logit, mean, raw) in zip(LABELS, predictions, strict=True):
        if label == 0:
            total -= np.log(1 - sigmoid(logit))
        else:
            density = NormalDist(mean, spread(raw)).pdf(np.log(label))
            total -= np.log(sigmoid(logit)) + np.log(density)
    return total


def test_loss_is_the_negative_log_likelihood():
    task = Value("revenue", label="spent")
    losses, gradients = losses_and_gradients(task, LABELS, PREDICTIONS)
    np.testing.assert_allclose(losses.sum(), loss(PREDICTIONS), rtol=1e-5)
    np.testing.assert_allclose(losses[0], -np.log(1 - sigmoid(0.5)), rtol=1e-5)
    np.testing.assert_allclose(gradients, differences(loss, PREDICTIONS), rtol=1e-3, atol=1e-4)


def test_zeros_say_nothing_about_the_size():
    _, gradients = losses_and_gradients(Value("revenue", label="spent"), LABELS, PREDICTIONS)
    assert (gradients[:2, 1:] == 0).all()


def test_score_is_the_expected_value():
    draws = np.exp(NormalDist(1.0, spread(0.3)).samples(200_000, seed=1))
    predictions = np.array([[-1.0, 1.0, 0.3]], "float32")
    score = float(Value("revenue", label="spent").scores(predictions)[0])
    assert score == pytest.approx(sigmoid(-1.0) * draws.mean(), rel=0.02)


def test_starts_from_the_distribution():
    task = Value("revenue", label="spent")
    task.build({"representation": (None, 2)})
    spent = np.concatenate([np.zeros(2999), np.exp([1.0, 3.0]).repeat(500)[:999]])
    task.adapt({"spent": spent.astype("float32")}, {})
    predictions = ops.convert_to_numpy(task({"representation": np.zeros((1, 2), "float32")}))[0]
    assert sigmoid(predictions[0]) == pytest.approx(0.25, abs=1e-4)
    assert predictions[1] == pytest.approx(2.0, abs=0.01)
    assert spread(predictions[2]) == pytest.approx(1.0, abs=0.01)


def test_negative_labels_are_refused():
    task = Value("revenue", label="spent")
    task.build({"representation": (None, 2)})
    with pytest.raises(mtf.MtframeworkError, match=r'"spent".*holds -3\.'):
        task.adapt({"spent": np.array([1.0, -3.0], "float32")}, {})


def test_it_reports_errors_and_the_deviance_of_expected_values():
    names = [each.name for each in Value("revenue", label="spent").make_metrics()]
    assert names == ["rmse", "mae", "tweedie_deviance"]
