import math

import numpy as np
import pytest
from conftest import differences, losses_and_gradients
from keras import ops
from mtf_feedback import Count

import mtframework as mtf

LABELS = np.array([0.0, 1.0, 4.0, 30.0])
LOG_RATES = np.array([-1.0, 0.5, 2.0, 3.0])


def negative_log_likelihood(count, log_rate):
    """Of the Poisson distribution, as the textbook has it."""
    return math.exp(log_rate) - count * log_rate + math.lgamma(count + 1)


def test_loss_is_the_likelihood_above_that_of_a_perfect_rate():
    losses, gradients = losses_and_gradients(Count("plays", label="plays"), LABELS, LOG_RATES)
    perfect = [negative_log_likelihood(y, math.log(y)) if y else 0.0 for y in LABELS]
    likelihoods = [negative_log_likelihood(*each) for each in zip(LABELS, LOG_RATES, strict=True)]
    np.testing.assert_allclose(losses, np.subtract(likelihoods, perfect), rtol=1e-4)

    def loss(log_rates):
        return sum(negative_log_likelihood(*each) for each in zip(LABELS, log_rates, strict=True))

    np.testing.assert_allclose(gradients, differences(loss, LOG_RATES), rtol=1e-3, atol=1e-4)


def test_starts_from_the_mean():
    task = Count("plays", label="plays", missing_label=-1)
    task.build({"representation": (None, 2)})
    task.adapt({"plays": np.array([0, 2, 4, -1, np.nan], "float32")}, {})
    predictions = task({"representation": np.zeros((1, 2), "float32")})
    np.testing.assert_allclose(ops.convert_to_numpy(task.scores(predictions)), [2.0], rtol=1e-5)


@pytest.mark.parametrize("wrong", [-1.0, np.inf])
def test_other_labels_are_refused(wrong):
    task = Count("plays", label="plays")
    task.build({"representation": (None, 2)})
    with pytest.raises(mtf.MtframeworkError, match="Finite numbers of at least 0"):
        task.adapt({"plays": np.array([1.0, wrong], "float32")}, {})


def test_needs_a_label():
    with pytest.raises(mtf.MtframeworkError, match=r'"plays" \(Count\) has no label'):
        Count("plays")


def test_it_reports_the_deviance():
    metrics = {each.name: each for each in Count("plays", label="plays").make_metrics()}
    assert {"rmse", "mae", "poisson_deviance"} == set(metrics)
    metrics["poisson_deviance"].update_state(LABELS[:, None], np.exp(LOG_RATES)[:, None])
    losses, _ = losses_and_gradients(Count("plays", label="plays"), LABELS, LOG_RATES)
    # The loss is half of it.
    result = float(metrics["poisson_deviance"].result())
    assert result == pytest.approx(2 * np.mean(losses), rel=1e-5)
