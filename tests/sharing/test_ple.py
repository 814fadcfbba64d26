import numpy as np
import pytest
from keras import ops

from mtframework.sharing.cgc import CGC
from mtframework.sharing.ple import PLE
from tests.sharing.conftest import gate, gradients, network, numbers, randomise

TASKS = ["a", "b", "c"]
SHARED, OWN = 2, 3


def layer_of(num_levels):
    layer = PLE(num_levels, SHARED, OWN, expert_units=[6, 4])
    layer.build(dict.fromkeys(TASKS, (None, 3)))
    randomise(layer)
    return layer


def by_hand(layer, x):
    """Returns what each task gets, and the mean gate weights of each level by task."""
    read, shared_reads, use = [x] * len(TASKS), x, []
    for level in layer.levels:
        shared = [network(level.shared_experts, e, shared_reads) for e in range(SHARED)]
        own = [
            [network(level.task_experts, OWN * t + e, read[t]) for e in range(OWN)]
            for t in range(len(TASKS))
        ]
        gates = [gate(level.task_gates, t, read[t]) for t in range(len(TASKS))]
        if level is not layer.levels[-1]:
            everything = shared + [expert for of_task in own for expert in of_task]
            shared_reads = mix(gate(level.shared_gate, 0, shared_reads), everything)
        read = [mix(gates[t], shared + own[t]) for t in range(len(TASKS))]
        use.append([weights.mean(axis=0) for weights in gates])
    return read, use


def mix(weights, experts):
    assert weights.shape[1] == len(experts)
    return sum(weights[:, e : e + 1] * expert for e, expert in enumerate(experts))


@pytest.mark.parametrize("num_levels", [1, 2, 3])
def test_forward_by_hand(num_levels, x):
    layer = layer_of(num_levels)
    outputs = layer(dict.fromkeys(TASKS, ops.convert_to_tensor(x)), training=True)
    expected, use = by_hand(layer, x)
    for number, task in enumerate(TASKS):
        np.testing.assert_allclose(numbers(outputs[task]), expected[number], rtol=1e-3, atol=1e-3)
    layer.observe()
    result = layer.gate_use.statistics.result()
    for level in range(num_levels):
        for number, task in enumerate(TASKS):
            keys = [f"shared_{e}" for e in range(SHARED)] + [f"own_{e}" for e in range(OWN)]
            found = [float(result[f"gate/{task}/level_{level}/{key}"]) for key in keys]
            np.testing.assert_allclose(found, use[level][number], atol=1e-5)


def test_one_level_is_cgc(x):
    ple, cgc = layer_of(1), CGC(SHARED, OWN, [6, 4])
    cgc.build(dict.fromkeys(TASKS, (None, 3)))
    for ours, theirs in zip(cgc.trainable_variables, ple.trainable_variables, strict=True):
        ours.assign(theirs)
    inputs = dict.fromkeys(TASKS, ops.convert_to_tensor(x))
    np.testing.assert_allclose(numbers(ple(inputs)["b"]), numbers(cgc(inputs)["b"]), rtol=1e-6)


def test_a_task_reaches_others_experts_below_the_last_level_alone(x):
    layer = layer_of(2)
    inputs = dict.fromkeys(TASKS, ops.convert_to_tensor(x))
    kernels = [level.task_experts.kernels[0] for level in layer.levels]
    below, last = gradients(lambda: ops.sum(layer(inputs)["b"]), kernels)
    assert (np.abs(below).max(axis=(1, 2)) > 0).all()
    assert (np.abs(last[OWN : 2 * OWN]).max(axis=(1, 2)) > 0).all()
    assert (last[:OWN] == 0).all()
    assert (last[2 * OWN :] == 0).all()
