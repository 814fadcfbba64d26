import numpy as np
from keras import ops

from mtframework.sharing.mmoe import MMoE
from tests.sharing.conftest import gate, gradients, network, numbers, randomise

TASKS = ["a", "b"]


def layer_of(**arguments):
    layer = MMoE(num_experts=3, expert_units=[6, 4], **arguments)
    layer.build(dict.fromkeys(TASKS, (None, 3)))
    randomise(layer)
    return layer


def test_forward_by_hand(x):
    layer = layer_of()
    experts = [network(layer.experts, e, x) for e in range(3)]
    outputs = layer(dict.fromkeys(TASKS, ops.convert_to_tensor(x)))
    for number, task in enumerate(TASKS):
        weights = gate(layer.gates, number, x)
        expected = sum(weights[:, e : e + 1] * experts[e] for e in range(3))
        np.testing.assert_allclose(numbers(outputs[task]), expected, rtol=1e-4, atol=1e-4)


def test_a_task_trains_all_experts_and_no_gate_but_its_own(x):
    layer = layer_of()
    inputs = dict.fromkeys(TASKS, ops.convert_to_tensor(x))
    variables = [*layer.experts.kernels, *layer.gates.networks.kernels]
    *experts, gates = gradients(lambda: ops.sum(layer(inputs)["a"]), variables)
    for kernel in experts:
        assert (np.abs(kernel).max(axis=(1, 2)) > 0).all()
    assert np.abs(gates[0]).max() > 0
    assert (gates[1] == 0).all()


def test_gate_use_is_the_mean_of_the_gates(x):
    layer = layer_of()
    layer(dict.fromkeys(TASKS, ops.convert_to_tensor(x)), training=True)
    layer.observe()
    layer(dict.fromkeys(TASKS, ops.convert_to_tensor(x[:1])), training=False)
    result = layer.gate_use.statistics.result()
    for number, task in enumerate(TASKS):
        found = [float(result[f"gate/{task}/expert_{e}"]) for e in range(3)]
        np.testing.assert_allclose(found, gate(layer.gates, number, x).mean(axis=0), atol=1e-5)
