"""Balancers against torchjd itself, on fresh matrices; collected where torch is the backend."""

import keras
import numpy as np
import pytest
import torch
import torchjd_reference
from test_gradient_balancers import assert_near, combine
from torchjd import scalarization

import mtframework.balancing as mtf_balancing

MATRICES = {
    f"{name}_{seed}": make(np.random.default_rng(seed))
    for seed in range(3)
    for name, make in {
        "random": lambda draw: draw.normal(size=(4, 30)),
        "conflicting": lambda draw: (
            np.array([[1.0], [-2.0], [0.5]]) * draw.normal(size=(1, 30))
            + 0.7 * draw.normal(size=(3, 30))
        ),
        "badly_scaled": lambda draw: (
            10.0 ** draw.uniform(-3, 3, size=(3, 1)) * draw.normal(size=(3, 30))
        ),
    }.items()
}


@pytest.mark.parametrize("name", MATRICES)
def test_combinations(name):
    results = torchjd_reference.aggregate(MATRICES[name])
    # A conic solver or an iteration may miss; the exact ones never do.
    assert set(results) >= {"upgrad", "imtl_g", "aligned_mtl", "pcgrad", "gradvac", "graddrop"}
    for method, expected in results.items():
        assert_near(combine(method, MATRICES[name]), expected)


def test_the_committed_reference_is_what_torchjd_gives():
    exact = ("upgrad", "imtl_g", "aligned_mtl", "pcgrad", "gradvac", "graddrop")
    for name, matrix in torchjd_reference.matrices().items():
        committed = torchjd_reference.read()[name]
        np.testing.assert_array_equal(committed["gradients"], matrix)
        for method, again in torchjd_reference.aggregate(matrix, exact).items():
            assert_near(again, committed["combined"][method], 1e-7)


LOSSES = np.random.default_rng(1).uniform(0.2, 3.0, size=(8, 3)).astype("float32")
NAMES = ["a", "b", "c"]


def both(balancer, scalarizer, losses, training=False):
    """(our total, its gradient, torchjd's total, its gradient) of one step."""
    ours = torch.tensor(losses, requires_grad=True)
    theirs = torch.tensor(losses, requires_grad=True)
    present = dict.fromkeys(NAMES, True)
    total = balancer.weigh(dict(zip(NAMES, ours, strict=True)), present, training)[0]
    total.backward()
    expected = scalarizer(theirs)
    expected.backward()
    return total.item(), ours.grad.numpy(), expected.item(), theirs.grad.numpy()


@pytest.mark.parametrize("losses", LOSSES[:3])
def test_learned_scales(losses):
    values = np.array([0.3, -0.2, 1.1], "float32")
    for balancer, variable, scalarizer, parameter in (
        (mtf_balancing.UncertaintyWeights(), "log_variances", scalarization.UW(3), "log_var"),
        (mtf_balancing.ImpartialLosses(), "log_scales", scalarization.IMTLL(3), "log_scale"),
    ):
        balancer.build(NAMES)
        getattr(balancer, variable).assign(values)
        getattr(scalarizer, parameter).data = torch.tensor(values)
        total, gradient, expected, expected_gradient = both(balancer, scalarizer, losses)
        assert total == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5)
        slope = getattr(balancer, variable).value.grad.numpy()
        np.testing.assert_allclose(slope, getattr(scalarizer, parameter).grad.numpy(), rtol=1e-4)


@pytest.mark.parametrize("losses", LOSSES[:3])
def test_geometric_mean(losses):
    balancer = mtf_balancing.GeometricMean()
    balancer.build(NAMES)
    total, gradient, expected, expected_gradient = both(
        balancer, scalarization.GeometricMean(), losses
    )
    assert total == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5)


def test_dynamic_weight_average():
    balancer = mtf_balancing.DynamicWeightAverage(period=2, temperature=1.5)
    balancer.build(NAMES)
    scalarizer = scalarization.DWA(temperature=1.5)
    for step, losses in enumerate(LOSSES):
        total, gradient, expected, expected_gradient = both(balancer, scalarizer, losses, True)
        assert total == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5)
        if step % 2:
            scalarizer.step()
    assert np.ptp(gradient) > 0.01


def test_famo():
    # torchjd's logits take Adam's steps, so each step is compared at the same logits, and the
    # step of the logits against the gradient that torchjd hands to Adam.
    balancer = mtf_balancing.FastAdaptiveWeights(learning_rate=0.5, decay=0.0)
    balancer.build(NAMES)
    for step, losses in enumerate(LOSSES):
        logits = keras.ops.convert_to_numpy(balancer.logits).copy()
        if step:
            scalarizer = scalarization.FAMO(3, lr=0.0, weight_decay=0.0)
            scalarizer._w.data = torch.tensor(logits)
            scalarizer(torch.tensor(LOSSES[step - 1]))
            scalarizer._optimizer = torch.optim.SGD([scalarizer._w], lr=0.5)
            scalarizer.update(torch.tensor(losses))
            moved = scalarizer._w.detach().numpy().copy()
        else:
            scalarizer = scalarization.FAMO(3)
        total, gradient, expected, expected_gradient = both(balancer, scalarizer, losses, True)
        assert total == pytest.approx(expected, rel=1e-4, abs=1e-5)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4)
        if step:
            np.testing.assert_allclose(
                keras.ops.convert_to_numpy(balancer.logits), moved, atol=1e-5
            )
    assert np.ptp(keras.ops.convert_to_numpy(balancer.logits)) > 0.01
