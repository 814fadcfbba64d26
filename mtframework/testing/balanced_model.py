"""Models with a balancer: what both kinds of balancers are checked in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from mtframework.errors import ModelError
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import example_model, train
from mtframework.testing.model_clauses import check_half_precision, check_saves


def checked_names(task_names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names, and raises a `ModelError` where there are fewer than two."""
    names = tuple(task_names)
    if len(names) < 2:
        raise ModelError(
            f"The check was given the task names {names}.", "Two or more.", "Add a task."
        )
    return names


def check_resumes(clause: Clause, names: Sequence[str], **parts: Any) -> None:
    """A loaded model goes on as the saved one would have: one more step leaves the same weights."""
    model, data = example_model(names, **parts)
    loaded = check_saves(clause, model, data)
    for kind in parts:
        _copy_seeds(getattr(model, kind), getattr(loaded, kind))
    rows = data.encode(data.test)
    train(model, rows)
    train(loaded, rows)
    for variable, other in zip(model.weights, loaded.weights, strict=True):
        clause.require_close(
            f"{other.path} of a loaded model after one more step", other, variable, "the saved one"
        )


def check_balanced_model(
    clause: Clause, names: Sequence[str], make_parts: Callable[[], Mapping[str, Any]]
) -> None:
    """In half precision, models with the balancer train, and its own weights are float32."""

    def made():
        parts = make_parts()
        model, data = example_model(names, **parts)
        for part in parts.values():
            for variable in part.weights:
                dtype = keras.backend.standardize_dtype(variable.dtype)
                clause.require(
                    dtype not in ("float16", "bfloat16"),
                    f"{variable.path} is {dtype}.",
                    "float32.",
                    "Leave dtype out of the constructor and of add_weight.",
                )
        return model, data

    check_half_precision(clause, made)


def _copy_seeds(part: Any, other: Any) -> None:
    # Keras saves no state of a seed generator: what draws would draw otherwise.
    for name, value in vars(part).items():
        if isinstance(value, keras.random.SeedGenerator):
            getattr(other, name).state.assign(value.state)
