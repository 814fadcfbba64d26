import numpy as np
from keras import ops

from mtframework.sharing.cross_stitch import CrossStitch
from mtframework.sharing.private import PrivateTowers
from tests.sharing.conftest import gradients, network, numbers, randomise

TASKS = ["a", "b", "c"]


def layer_of(**arguments):
    layer = CrossStitch([6, 4], **arguments)
    layer.build(dict.fromkeys(TASKS, (None, 3)))
    return layer


def inputs_of(x):
    return dict.fromkeys(TASKS, ops.convert_to_tensor(x))


def test_forward_by_hand(x):
    layer = layer_of()
    randomise(layer)
    read = [x] * 3
    for networks, stitch in zip(layer.networks, layer.stitches, strict=True):
        hidden = [network(networks, t, read[t]) for t in range(3)]
        matrix = numbers(stitch)
        read = [sum(matrix[t, other] * hidden[other] for other in range(3)) for t in range(3)]
    outputs = layer(inputs_of(x))
    for number, task in enumerate(TASKS):
        np.testing.assert_allclose(numbers(outputs[task]), read[number], rtol=1e-4, atol=1e-4)


def test_starts_near_identity():
    for stitch in layer_of(own_share=0.8).stitches:
        expected = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
        np.testing.assert_allclose(numbers(stitch), expected, atol=1e-6)


def test_identity_is_private_towers(x):
    layer, private = layer_of(own_share=1.0), PrivateTowers([6, 4])
    private.build(dict.fromkeys(TASKS, (None, 3)))
    for number, networks in enumerate(layer.networks):
        private.networks.kernels[number].assign(networks.kernels[0])
        private.networks.biases[number].assign(networks.biases[0])
    for task, output in layer(inputs_of(x)).items():
        expected = private(inputs_of(x))[task]
        np.testing.assert_allclose(numbers(output), numbers(expected), rtol=1e-5, atol=1e-6)


def test_a_task_trains_its_own_row_of_the_last_stitch(x):
    layer = layer_of()
    randomise(layer)
    first, last = gradients(lambda: ops.sum(layer(inputs_of(x))["b"]), layer.stitches)
    assert (np.abs(first) > 0).any(axis=1).all()
    assert (np.abs(last[1]) > 0).any()
    assert (last[[0, 2]] == 0).all()
