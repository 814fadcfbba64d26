import keras
import numpy as np
import pytest

from mtframework.sharing.parallel_networks import ParallelNetworks
from tests.sharing.conftest import network, numbers, randomise


def networks_of(num_networks, inputs=3):
    networks = ParallelNetworks(num_networks, [5, 4])
    networks.build((None, inputs))
    randomise(networks)
    return networks


def test_all_read_one_input(x):
    networks = networks_of(4)
    expected = np.stack([network(networks, n, x) for n in range(4)], axis=1)
    np.testing.assert_allclose(numbers(networks(x)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_networks", [2, 6])
def test_each_reader_serves_equally_many_networks(x, num_networks):
    networks = networks_of(num_networks)
    readers = np.stack([x, x + 1], axis=1)
    expected = [
        network(networks, n, readers[:, n // (num_networks // 2)]) for n in range(num_networks)
    ]
    np.testing.assert_allclose(
        numbers(networks(readers)), np.stack(expected, axis=1), rtol=1e-4, atol=1e-5
    )


def test_some_networks_alone(x):
    networks = networks_of(4)
    np.testing.assert_allclose(
        numbers(networks(x, networks=[3, 1])), numbers(networks(x))[:, [3, 1]], rtol=1e-5
    )


def test_last_activation_can_be_left_out(x):
    networks = ParallelNetworks(1, [2], activation=None)
    networks.build((None, 3))
    networks.kernels[0].assign(-np.ones((1, 3, 2)))
    np.testing.assert_allclose(
        numbers(networks(x))[:, 0], -x.sum(axis=1, keepdims=True).repeat(2, 1), rtol=1e-4
    )


def test_weights_start_as_those_of_a_dense_layer():
    keras.utils.set_random_seed(0)
    networks = ParallelNetworks(50, [30])
    networks.build((None, 70))
    kernel = numbers(networks.kernels[0])
    # Glorot: variance 2 / (70 + 30), for each network, whatever their number.
    assert kernel.var() == pytest.approx(0.02, rel=0.02)
    assert np.abs(kernel).max() <= np.sqrt(6 / 100)
    assert len(np.unique(kernel[:, 0, 0])) == 50
