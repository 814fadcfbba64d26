"""Gradients by the autodiff of whichever backend runs, and what TFRS computes."""

import os
import subprocess
import sys
from pathlib import Path

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


def _torch(function, arrays):
    import torch

    tensors = [torch.tensor(each, requires_grad=True) for each in arrays]
    value = function(*tensors)
    value.backward()
    return value.detach(), [each.grad for each in tensors]


def _jax(function, num_arrays):
    import jax

    # Small shapes in many forms: compiling takes far longer than running, so it is done lightly.
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    differentiated = jax.value_and_grad(function, tuple(range(num_arrays)))
    return jax.jit(differentiated, compiler_options=options)


@pytest.fixture(scope="session")
def differentiate():
    """Makes of a scalar function one that returns its value and gradients, as arrays."""

    def make(function, num_arrays):
        if keras.backend.backend() == "jax":
            run = _jax(function, num_arrays)
        elif keras.backend.backend() == "torch":
            run = lambda *arrays: _torch(function, arrays)  # noqa: E731
        else:
            run = lambda *arrays: _tensorflow(function, arrays)  # noqa: E731

        def as_arrays(*arrays):
            value, gradients = run(*arrays)
            return tuple(np.asarray(each) for each in (value, *gradients))

        return as_arrays

    return make


@pytest.fixture(scope="session")
def value_and_gradients(differentiate):
    """A function of a scalar function and arrays to its value and gradients, as arrays."""
    return lambda function, *arrays: differentiate(function, len(arrays))(*arrays)


def _tensorflow_traced(function, arrays, jit_compile):
    """Traced with a batch of unknown size, as `fit` may do."""
    import tensorflow as tf

    def differentiated(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        return value, [tf.convert_to_tensor(each) for each in tape.gradient(value, tensors)]

    signature = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in arrays]
    traced = tf.function(differentiated, input_signature=signature, jit_compile=jit_compile)
    return traced(*arrays)


@pytest.fixture(scope="session")
def compiled_value_and_gradients():
    """The same within compiled code: every way the backend has, one after the other."""

    def run(function, *arrays):
        if keras.backend.backend() == "tensorflow":
            results = [_tensorflow_traced(function, arrays, jit) for jit in (False, True)]
        elif keras.backend.backend() == "jax":
            results = [_jax(function, len(arrays))(*arrays)]
        else:
            results = [_torch(function, arrays)]
        return [
            tuple(np.asarray(each) for each in (value, *gradients)) for value, gradients in results
        ]

    return run


@pytest.fixture(scope="session")
def tfrs_reference(tmp_path_factory):
    """The inputs, and what TensorFlow Recommenders makes of them in a process of its own."""
    random = np.random.default_rng(17)
    inputs = {
        "queries": random.normal(size=(12, 4)).astype("float32"),
        "candidates": None,
        "ids": random.integers(0, 8, 12).astype("int64"),
        "probability": None,
        "weights": random.uniform(0.2, 3, 12).astype("float32"),
        "catalogue": random.normal(size=(30, 4)).astype("float32"),
        "positives": random.integers(0, 30, 12).astype("int64"),
        "sizes": np.array([1, 2, 5, 10, 20]),
    }
    inputs["candidates"] = inputs["catalogue"][inputs["ids"]]
    inputs["probability"] = random.uniform(1e-8, 0.3, 8).astype("float32")[inputs["ids"]]
    folder = tmp_path_factory.mktemp("tfrs")
    np.savez(folder / "inputs.npz", **inputs)
    subprocess.run(
        [
            sys.executable,
            Path(__file__).with_name("tfrs_reference.py"),
            folder / "inputs.npz",
            folder / "outputs.npz",
        ],
        check=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return inputs, dict(np.load(folder / "outputs.npz"))
