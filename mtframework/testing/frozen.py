"""The clause of parts that a model may freeze."""

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
    clone = MultiTaskModel.from_config(model.get_config())
    clone.adapt(data)
    _require_frozen(clause, "a clone", clone, find(clone))
    before = values_of(part.weights)
    loaded = check_saves(clause, model, data)
    _require_frozen(clause, "a loaded model", loaded, find(loaded))
    for variable, old in zip(part.weights, before, strict=True):
        clause.require(
            np.array_equal(values_of([variable])[0], old),
            f"{variable.path} changes in training, though trainable is False.",
            "Weights that stay as they are.",
        )


def _require_frozen(
    clause: Clause, where: str, model: MultiTaskModel, part: keras.layers.Layer
) -> None:
    own = {id(variable) for variable in part.variables}
    learning = [each.path for each in model.trainable_variables if id(each) in own]
    clause.require(
        not part.trainable and not learning,
        f"In {where}, trainable is {part.trainable}, and these weights learn: {learning}.",
        "trainable = False, as it was set.",
    )
