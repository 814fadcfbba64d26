import numpy as np
from keras import ops

from mtframework.sharing.cgc import CGC
from tests.sharing.conftest import gate, gradients, network, numbers, randomise

TASKS = ["a", "b"]


def layer_of():
    layer = CGC(num_shared_experts=2, num_task_experts=3, expert_units=[6, 4])
    layer.build(dict.fromkeys(TASKS, (None, 3)))
    randomise(layer)
    return layer


def test_forward_by_hand(x):
    layer = layer_of()
    level = layer.level
    outputs = layer(dict.fromkeys(TASKS, ops.convert_to_tensor(x)))
    for number, task in enumerate(TASKS):
        experts = [network(level.shared_experts, e, x) for e in range(2)]
        experts += [network(level.task_experts, 3 * number + e, x) for e in range(3)]
        weights = gate(level.task_gates, number, x)
        expected = sum(weights[:, e : e + 1] * experts[e] for e in range(5))
        np.testing.assert_allclose(numbers(outputs[task]), expected, rtol=1e-4, atol=1e-4)


def test_a_task_trains_the_shared_experts_and_its_own(x):
    layer = layer_of()
    inputs = dict.fromkeys(TASKS, ops.convert_to_tensor(x))
    kernels = [layer.level.shared_experts.kernels[0], layer.level.task_experts.kernels[0]]
    shared, own = gradients(lambda: ops.sum(layer(inputs)["b"]), kernels)
    assert (np.abs(shared).max(axis=(1, 2)) > 0).all()
    assert (own[:3] == 0).all()
    assert (np.abs(own[3:]).max(axis=(1, 2)) > 0).all()


def test_gate_use_is_the_mean_of_the_gates(x):
    layer = layer_of()
    layer(dict.fromkeys(TASKS, ops.convert_to_tensor(x)), training=True)
    layer.observe()
    result = layer.gate_use.statistics.result()
    names = ["shared_0", "shared_1", "own_0", "own_1", "own_2"]
    for number, task in enumerate(TASKS):
        found = [float(result[f"gate/{task}/{name}"]) for name in names]
        expected = gate(layer.level.task_gates, number, x).mean(axis=0)
        np.testing.assert_allclose(found, expected, atol=1e-5)
