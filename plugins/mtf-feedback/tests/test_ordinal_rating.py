import numpy as np
import pytest
from conftest import differences, losses_and_gradients
from keras import ops
from mtf_feedback import OrdinalRating

import mtframework as mtf

LEVELS = [1.0, 2.0, 3.5, 5.0]
THRESHOLDS = np.array([-1.0, 0.5, 2.0])
LATENT = np.array([0.3, -2.0, 4.0, 0.0])


def task_of(**arguments):
    return OrdinalRating("stars", label="stars", levels=LEVELS, **arguments)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def probabilities(latent):
    above = sigmoid(latent[:, None] - THRESHOLDS)
    ones = np.ones((len(latent), 1))
    return np.hstack([ones, above]) - np.hstack([above, 0 * ones])


@pytest.mark.parametrize("level", range(4))
def test_loss_is_that_of_the_probability(level):
    labels = np.full(4, LEVELS[level])
    logits = LATENT[:, None] - THRESHOLDS
    losses, gradients = losses_and_gradients(task_of(), labels, logits)
    np.testing.assert_allclose(losses, -np.log(probabilities(LATENT)[:, level]), rtol=1e-5)

    def loss(logits):
        padded = np.pad(sigmoid(logits), ((0, 0), (1, 1)), constant_values=[(0, 0), (1, 0)])
        return -np.log(padded[:, level] - padded[:, level + 1]).sum()

    np.testing.assert_allclose(gradients, differences(loss, logits), rtol=1e-3, atol=1e-5)


def test_probabilities_and_expectation():
    logits = (LATENT[:, None] - THRESHOLDS).astype("float32")
    expected = probabilities(LATENT)
    found = ops.convert_to_numpy(task_of().probabilities(logits))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    scores = ops.convert_to_numpy(task_of().scores(logits))
    np.testing.assert_allclose(scores, expected @ np.array(LEVELS), rtol=1e-5)


def test_far_off_losses_are_finite():
    logits = np.array([[200.0, 199.0, 198.0], [-198.0, -199.0, -200.0]])
    losses, gradients = losses_and_gradients(task_of(), [1.0, 5.0], logits)
    np.testing.assert_allclose(losses, [200, 200], rtol=1e-5)
    assert np.isfinite(gradients).all()


def test_thresholds_ascend_whatever_the_weights():
    task = task_of()
    task.build({"representation": (None, 2)})
    task.raw_gaps.assign([-50.0, -50.0])
    assert (np.diff(ops.convert_to_numpy(task.thresholds())) > 0).all()


def test_starts_from_the_frequencies():
    task = task_of(missing_label=0.0)
    task.build({"representation": (None, 2)})
    stars = np.repeat([1.0, 2.0, 3.5, 5.0, 0.0, np.nan], [999, 1999, 2999, 3999, 50, 50])
    task.adapt({"stars": stars.astype("float32")}, {})
    logits = task({"representation": np.zeros((1, 2), "float32")})
    found = ops.convert_to_numpy(task.probabilities(logits))
    np.testing.assert_allclose(found[0], [0.1, 0.2, 0.3, 0.4], atol=1e-3)


def test_two_levels_are_a_logistic_regression():
    task = OrdinalRating("up", label="up", levels=[0, 1])
    task.build({"representation": (None, 2)})
    task.adapt({"up": np.array([0, 1, 1], "float32")}, {})
    losses, _ = losses_and_gradients(task, [0, 1], [[0.7], [0.7]])
    np.testing.assert_allclose(
        losses, [-np.log(1 - sigmoid(0.7)), -np.log(sigmoid(0.7))], rtol=1e-5
    )


def test_other_labels_are_refused():
    task = task_of()
    task.build({"representation": (None, 2)})
    with pytest.raises(mtf.MtframeworkError, match=r'"stars".*holds 4\.[\s\S]*stars/OrdinalRating'):
        task.adapt({"stars": np.array([1.0, 4.0], "float32")}, {})


@pytest.mark.parametrize("levels", [[1], [2, 1], [1, 1, 2]])
def test_levels_ascend(levels):
    with pytest.raises(mtf.MtframeworkError, match="Two or more values, ascending"):
        OrdinalRating("stars", label="stars", levels=levels)
