"""Gradients by the autodiff of whichever backend runs."""

import keras
import numpy as np
import pytest


def _tensorflow(function, arrays):
    import tensorflow as tf

    tensors = [tf.constant(each) for each in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    # A gather's gradient comes as slices.
    return value, [tf.convert_to_tensor(each) for each in tape.gradient(value, tensors)]


def _jax(function, arrays):
    import jax

    # Small shapes in many forms: compiling each would take far longer than running it.
    with jax.disable_jit():
        return jax.value_and_grad(function, tuple(range(len(arrays))))(*arrays)


def _torch(function, arrays):
    import torch

    tensors = [torch.tensor(each, requires_grad=True) for each in arrays]
    value = function(*tensors)
    value.backward()
    return value.detach(), [each.grad for each in tensors]


@pytest.fixture(scope="session")
def value_and_gradients():
    """A function of a scalar function and arrays to its value and gradients, as arrays."""
    by_backend = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    differentiate = by_backend[keras.backend.backend()]

    def run(function, *arrays):
        value, gradients = differentiate(function, arrays)
        return tuple(np.asarray(each) for each in (value, *gradients))

    return run


def _compile(function):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function


@pytest.fixture(scope="session")
def compiled():
    """Compiles a function as the backend does: XLA on TensorFlow and JAX, nothing on torch."""
    return _compile
