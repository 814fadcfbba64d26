import keras
import numpy as np

from mtframework.sharing.gates import Gates
from tests.sharing.conftest import gate, numbers, randomise


def gates_of(dropout=0.0, num_experts=4):
    gates = Gates(2, num_experts, dropout=dropout)
    gates.build((None, 3))
    randomise(gates)
    return gates


def test_weights_are_softmaxes(x):
    gates = gates_of()
    expected = np.stack([gate(gates, 0, x), gate(gates, 1, x)], axis=1)
    np.testing.assert_allclose(numbers(gates(x)), expected, rtol=1e-4, atol=1e-6)


def test_dropout_leaves_rows_that_sum_to_one():
    keras.utils.set_random_seed(0)
    rows = np.random.default_rng(0).normal(size=(2000, 3)).astype("float32")
    gates = gates_of(dropout=0.5, num_experts=2)
    whole = numbers(gates(rows))
    kept = numbers(gates(rows, training=True))
    np.testing.assert_allclose(kept.sum(axis=-1), 1, atol=1e-5)
    # Of two experts: one is left alone with probability 1/2; with 1/4 each, both or none are left,
    # and in either case the row has its own weights.
    alone = (kept == 0).any(axis=-1)
    assert 0.47 < alone.mean() < 0.53
    np.testing.assert_allclose(kept[~alone], whole[~alone], atol=1e-5)


def test_dropout_is_for_training_alone(x):
    gates = gates_of(dropout=0.9)
    assert (numbers(gates(x, training=False)) > 0).all()
