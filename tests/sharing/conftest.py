"""What the tests of sharing layers use: random weights, NumPy networks, gradients."""

import keras
import numpy as np
import pytest
from keras import ops


def randomise(layer, seed=0):
    """Gives every weight of a layer, biases too, random numbers."""
    draw = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(draw.normal(size=variable.shape))


def numbers(tensor) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


def network(networks, number, x):
    """Returns what one of `ParallelNetworks`, all of whose layers are ReLU layers, makes of x."""
    for kernel, bias in zip(networks.kernels, networks.biases, strict=True):
        x = np.maximum(x @ numbers(kernel)[number] + numbers(bias)[number], 0)
    return x


def gate(gates, number, x):
    """Returns the weights of one of `Gates`, without hidden layers."""
    (kernel,), (bias,) = gates.networks.kernels, gates.networks.biases
    exponentials = np.exp(x @ numbers(kernel)[number] + numbers(bias)[number])
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def gradients(loss, variables) -> list[np.ndarray]:
    """Returns the gradients of `loss()` by the variables, zero where it does not depend on one."""
    values = [variable.value for variable in variables]
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(values)
                total = loss()
            found = tape.gradient(total, values, unconnected_gradients="zero")
        case "jax":
            import jax

            def of(values):
                with keras.StatelessScope(list(zip(variables, values, strict=True))):
                    return loss()

            found = jax.grad(of)(values)
        case _:
            import torch

            found = torch.autograd.grad(loss(), values, allow_unused=True)
            found = [
                torch.zeros_like(value) if each is None else each
                for value, each in zip(values, found, strict=True)
            ]
    return [numbers(each) for each in found]


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(5, 3)).astype("float32")
