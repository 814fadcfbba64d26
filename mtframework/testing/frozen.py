"""Part of the contract of what a model's author may freeze."""

from collections.abc import Callable

import keras
import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.model.model import MultiTaskModel
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import values_of
from mtframework.testing.model_clauses import check_saves


def check_stays_frozen(
    clause: Clause,
    model: MultiTaskModel,
    data: Dataset,
    find: Callable[[MultiTaskModel], keras.layers.Layer],
) -> None:
    """A part with `trainable = False` learns nothing, also in a clone and a loaded model.

    Args:
        clause: The clause.
        model: A model with the part, not trained so far.
        data: Its data.
        find: Returns the part of a model.
    """
    part = find(model)
    part.trainable = False
    before = values_of(part.weights)
    loaded = check_saves(clause, model, data)
    for variable, old in zip(part.weights, before, strict=True):
        clause.require(
            np.array_equal(values_of([variable])[0], old),
            f"{variable.path} changes in training, though trainable is False.",
            "Weights that stay as they are.",
        )
    clone = MultiTaskModel.from_config(model.get_config())
    clone.adapt(data)
    for what, other in (("a clone", clone), ("a loaded model", loaded)):
        found = find(other)
        learning = [variable.path for variable in found.trainable_variables]
        clause.require(
            not found.trainable and not learning,
            f"In {what}, trainable is {found.trainable}, and these weights learn: {learning}.",
            "trainable = False, as it was set.",
        )
