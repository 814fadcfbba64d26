"""Which columns a tower that reads histories may be given as its two keys."""

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
