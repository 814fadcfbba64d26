"""How many parameters a model has, before any data are read."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import keras

from mtframework.model.model import MultiTaskModel
from mtframework.schema.schema import Schema

SMALL_SIZE = 2
"""Of a vocabulary that is made up: one value, and the id for all others."""


@dataclass(frozen=True)
class Parameters:
    """A number of parameters, as far as it can be known without data.

    Args:
        known: Those whose number depends on no vocabulary.
        per_value: By column, how many there are for each value of its vocabulary.
    """

    known: int = 0
    per_value: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: "Parameters") -> "Parameters":
        columns = dict.fromkeys((*self.per_value, *other.per_value))
        return Parameters(
            self.known + other.known,
            {name: self.per_value.get(name, 0) + other.per_value.get(name, 0) for name in columns},
        )

    def __str__(self) -> str:
        """The sum as text.

        >>> str(Parameters(2080, {"user_id": 32}))
        '2,080 + 32 × user_id'
        """
        terms = [f"{number:,} × {column}" for column, number in self.per_value.items()]
        return " + ".join(terms if terms and not self.known else [f"{self.known:,}", *terms])


def count_parameters(
    model: MultiTaskModel, twin: MultiTaskModel, schema: Schema
) -> dict[str, Parameters]:
    """Returns the trainable parameters of each part: `tower/{name}`, `task/{name}`, `sharing`, ….

    Both models are built, for vocabularies of two made-up sizes; what grows from one to the other
    is what depends on a vocabulary.

    Args:
        model: A new model.
        twin: Another one, made of the same arguments.
        schema: Which columns have a vocabulary.
    """
    read = dict.fromkeys((*model.feature_columns, *model.history_columns))
    with_ids = [name for name in read if schema[name].has_ids]
    # Each column's vocabulary grows by a number of its own, by which it is known again.
    growth = {name: number for number, name in enumerate(with_ids, start=1)}
    sizes = {name: SMALL_SIZE if name in growth else schema[name].size for name in read}
    model.build_from_config({"num_ids": sizes})
    grown = {name: SMALL_SIZE + number for name, number in growth.items()}
    twin.build_from_config({"num_ids": {**sizes, **grown}})
    twins = _parts(twin)
    return {
        name: sum(
            (
                _of_variable(small.shape, large.shape, growth)
                for small, large in zip(
                    part.trainable_variables, twins[name].trainable_variables, strict=True
                )
            ),
            Parameters(),
        )
        for name, part in _parts(model).items()
    }


def _parts(model: MultiTaskModel) -> dict[str, keras.layers.Layer]:
    parts = {f"tower/{name}": tower for name, tower in model.towers.items()}
    parts |= {f"task/{name}": task for name, task in model.tasks.items()}
    parts |= {
        "sharing": model.sharing,
        "loss_balancer": model.loss_balancer,
        "gradient_balancer": model.gradient_balancer,
    }
    return {name: part for name, part in parts.items() if isinstance(part, keras.layers.Layer)}


def _of_variable(small: Iterable[int], large: Iterable[int], growth: dict[str, int]) -> Parameters:
    known = 1
    column = None
    offset = 0
    for size, larger_size in zip(small, large, strict=True):
        if size == larger_size:
            known *= size
        else:
            [column] = [name for name, grown in growth.items() if grown == larger_size - size]
            offset = size - SMALL_SIZE  # rows that are there for any vocabulary
    return Parameters(known) if column is None else Parameters(known * offset, {column: known})
