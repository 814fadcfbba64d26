"""All numbers that a training step reads and changes."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtframework.errors import RunError


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """Returns the variables of the model, its optimizer and its metrics, each once.

    They are those that Keras hands to a compiled step on JAX, where nothing else can change: the
    weights, the state of balancers and seed generators, what the optimizer remembers, and the
    metrics of the epoch so far.

    Args:
        model: A compiled model whose optimizer is built.
    """
    found = [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.optimizer.variables,
        *model.metrics_variables,
    ]
    return list({id(each): each for each in found}.values())


def values_of(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Returns copies of the variables' values."""
    return [np.array(ops.convert_to_numpy(each)) for each in variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Gives variables the values that `values_of` returned.

    Raises:
        RunError: They are not as many, or of another shape or dtype; nothing was assigned.
    """
    kept = [(each.shape, each.dtype.name) for each in values]
    there = [(tuple(each.shape), keras.backend.standardize_dtype(each.dtype)) for each in variables]
    if kept != there:
        where = [each.path for each in variables]
        differ = [name for name, a, b in zip(where, kept, there, strict=False) if a != b]
        raise RunError(
            f"The checkpoint holds {len(kept)} arrays that do not fit the model's {len(there)}"
            + (f", {differ[0]} first." if differ else "."),
            "The model that the training was begun with.",
            "Put the experiment and its plugins back as they were.",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
