import numpy as np
from keras import ops

from mtframework.sharing.private import PrivateTowers
from tests.sharing.conftest import gradients, network, numbers, randomise

TASKS = ["a", "b"]


def layer_of():
    layer = PrivateTowers([6, 4])
    layer.build(dict.fromkeys(TASKS, (None, 3)))
    randomise(layer)
    return layer


def test_forward_by_hand(x):
    layer = layer_of()
    outputs = layer(dict.fromkeys(TASKS, ops.convert_to_tensor(x)))
    for number, task in enumerate(TASKS):
        expected = network(layer.networks, number, x)
        np.testing.assert_allclose(numbers(outputs[task]), expected, rtol=1e-4, atol=1e-4)


def test_a_task_trains_its_own_network_alone(x):
    layer = layer_of()
    inputs = dict.fromkeys(TASKS, ops.convert_to_tensor(x))
    for kernel in gradients(lambda: ops.sum(layer(inputs)["b"]), layer.networks.kernels):
        assert (kernel[0] == 0).all()
        assert np.abs(kernel[1]).max() > 0
