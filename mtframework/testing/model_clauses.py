"""Clauses that every part of a model has: it trains, saves, and compiles."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.model.model import MultiTaskModel
from mtframework.model.pair_scores import flat_scores
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import policy, train, values_of

MIXED = ("mixed_float16", "mixed_bfloat16")
POLICIES = (*MIXED, "float16", "bfloat16")


def check_trains(
    clause: Clause, model: MultiTaskModel, data: Dataset, variables: Sequence[Any]
) -> None:
    """Every one of the variables changes over a few steps, and stays finite."""
    before = values_of(variables)
    train(model, data.encode(data.train))
    for variable, old in zip(variables, before, strict=True):
        new = clause.require_finite(f"After three steps, {variable.path}", variable)
        clause.require(
            new.size == 0 or not np.array_equal(new, old),
            f"{variable.path} does not change in three training steps.",
            "A gradient for every weight.",
        )


def check_saves(clause: Clause, model: MultiTaskModel, data: Dataset) -> MultiTaskModel:
    """A trained model that is saved and loaded predicts the same; returns the loaded one."""
    train(model, data.encode(data.train))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
    rows = model.encode(data.test)
    before, after = (flat_scores(each.predict(rows, verbose=0)) for each in (model, loaded))
    for name, scores in before.items():
        clause.require_close(
            f'What a loaded model predicts for the task "{name}"',
            after[name],
            scores,
            "what the saved one does",
        )
    return loaded


def check_half_precision(
    clause: Clause, make: Callable[[], tuple[MultiTaskModel, Dataset]]
) -> None:
    """In half precision, weights stay finite in training; under mixed policies they are float32."""
    for name in POLICIES:
        # float16 cannot hold what Adam squares; mixed policies scale the loss for that.
        optimizer = None if name in MIXED else keras.optimizers.SGD(0.001)
        with policy(name):
            model, data = make()
            train(model, data.encode(data.train), optimizer=optimizer)
        for variable in model.trainable_variables:
            dtype = keras.backend.standardize_dtype(variable.dtype)
            clause.require(
                dtype == "float32" or name not in MIXED,
                f"{variable.path} is {dtype} under {name}.",
                "Weights in float32, which Keras casts where they are read.",
                "Leave dtype out of add_weight.",
            )
            clause.require_finite(f"After three steps under {name}, {variable.path}", variable)


def require_compute_dtype(clause: Clause, what: str, made: Any, layer: keras.layers.Layer) -> None:
    """What a layer makes under the current policy is finite, and of its compute dtype.

    Args:
        clause: The clause.
        what: What it makes, in the singular, such as `"vector"`.
        made: A tensor of them.
        layer: The layer.
    """
    name = keras.config.dtype_policy().name
    clause.require_finite(f"Under {name}, the {what}s", made)
    dtype = keras.backend.standardize_dtype(made.dtype)
    clause.require(
        dtype == layer.compute_dtype,
        f"The {what}s are {dtype} under {name}.",
        f"{layer.compute_dtype}.",
    )


def check_compiles(
    clause: Clause, model: keras.Model, fit: Callable[[], Any], part: Any, method: str
) -> None:
    """Python runs a method of a part while the first step is compiled, and never again.

    torch runs Python in every step by design; there a compiled step is an eager one.

    Args:
        clause: The clause.
        model: A model with the part, not trained so far.
        fit: Trains it compiled, on other numbers each time, in batches of one shape.
        part: The part.
        method: The name of the method.
    """
    calls = []
    plain = getattr(part, method)

    def counted(*arguments, **keywords):
        calls.append(method)
        return plain(*arguments, **keywords)

    setattr(part, method, counted)
    fit()
    if keras.backend.backend() != "torch":
        first = len(calls)
        fit()
        clause.require(
            len(calls) == first,
            f"{method} was run by Python again for batches of the same shape.",
            "One compilation for each shape of a batch.",
            "Leave supports_jit as it is, and make no variables or layers in a step.",
        )
    for variable in model.trainable_variables:
        clause.require_finite(f"After compiled steps, {variable.path}", variable)


def fit_both_ways(model: MultiTaskModel, data: Dataset) -> Callable[[], None]:
    """Returns what trains a model compiled, on the rows forwards, then backwards, and so on."""
    rows = data.encode(data.train)

    def fit():
        for name in rows:
            rows[name] = rows[name][::-1]
        train(model, rows, compiled=True)

    return fit
