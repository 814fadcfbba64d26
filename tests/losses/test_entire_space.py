"""The loss of a chain against its plain form in float64, and its gradient."""

import numpy as np
import pytest
from keras import ops

from mtframework.losses.entire_space import entire_space_cross_entropy

draw = np.random.default_rng(2)
LOGITS = draw.normal(scale=3, size=(3, 40))
LABELS = draw.integers(0, 2, 40).astype("float64")


def plain(logits, labels=LABELS):
    probability = np.prod(1 / (1 + np.exp(-logits)), axis=0)
    return -(labels * np.log(probability) + (1 - labels) * np.log1p(-probability))


def test_loss_is_the_cross_entropy_of_the_product():
    losses = entire_space_cross_entropy(
        ops.convert_to_tensor(LABELS.astype("float32")),
        [ops.convert_to_tensor(each.astype("float32")) for each in LOGITS],
    )
    np.testing.assert_allclose(ops.convert_to_numpy(losses), plain(LOGITS), rtol=2e-4, atol=1e-6)


def test_gradient_is_that_of_the_plain_form(value_and_gradients):
    labels = LABELS.astype("float32")

    def total(first, second, third):
        chain = [first, second, third]
        return ops.sum(entire_space_cross_entropy(ops.convert_to_tensor(labels), chain))

    _, *gradients = value_and_gradients(total, *LOGITS.astype("float32"))
    step = 1e-6
    for link, gradient in enumerate(gradients):
        moved = np.zeros_like(LOGITS)
        moved[link] = step
        expected = (plain(LOGITS + moved) - plain(LOGITS - moved)) / (2 * step)
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("logit", [-80.0, 80.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_extreme_chains_have_finite_losses_and_gradients(value_and_gradients, logit, label):
    def total(first, second):
        return ops.sum(entire_space_cross_entropy(ops.full((2,), label), [first, second]))

    extreme = np.full(2, logit, "float32")
    for part in value_and_gradients(total, extreme, extreme):
        assert np.isfinite(part).all()
