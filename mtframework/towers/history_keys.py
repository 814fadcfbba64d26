"""What a tower that reads histories is told: its two keys, and perhaps a candidate tower."""

import weakref
from collections.abc import Mapping

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.schema.schema import Schema
from mtframework.towers.base_tower import BaseTower

_ROLES = {"key": "query", "history": "candidate"}


def check_key_names(tower: BaseTower, **columns: object) -> None:
    """Raises a `ModelError` where `key` or `history` is not the name of a column."""
    for argument, column in columns.items():
        if not isinstance(column, str) or not column:
            expected = f"The column that is the data set's {_ROLES[argument]} key."
            raise tower.wrong(argument, column, expected)


def check_keys(tower: BaseTower, schema: Schema, **columns: str) -> None:
    """Raises a `ModelError` where `key` or `history` is not that key of the data set."""
    keys = {"key": schema.query_key, "history": schema.candidate_key}
    for argument, column in columns.items():
        if column != keys[argument]:
            schema[column]
            expected = f'"{keys[argument]}", the data set\'s {_ROLES[argument]} key.'
            raise tower.wrong(argument, column, expected)


def tied_tower(
    tower: BaseTower, towers: Mapping[str, BaseTower], tied_to: str, history: str
) -> "weakref.ref[BaseTower]":
    """Returns the candidate tower that embeds a tower's histories.

    It is a weak reference, so that Keras does not take the one for a part of the other.

    Args:
        tower: The tower that reads histories.
        towers: All towers of the model, by name.
        tied_to: The candidate tower's name.
        history: The candidate key.

    Raises:
        ModelError: There is no such tower, or its key or size is another one.
    """
    if tied_to not in towers or tied_to == tower.name:
        raise tower.wrong(
            "tied_to",
            tied_to,
            f"A candidate tower of the model: one of {quoted_list(towers)}."
            f"{did_you_mean(tied_to, towers)}",
        )
    tied = towers[tied_to]
    if tied.embedding_dim != tower.embedding_dim or tied.key != history:
        raise ModelError(
            f'The tower "{tower.name}" has tied_to = "{tied_to}", which has the key "{tied.key}" '
            f"and embeddings of the size {tied.embedding_dim}.",
            f'A tower with the key "{history}" and the size {tower.embedding_dim}.',
            f"Correct the embedding_dim of one of the two, or {tower.name}/"
            f"{type(tower).__name__}.tied_to.",
        )
    return weakref.ref(tied)
