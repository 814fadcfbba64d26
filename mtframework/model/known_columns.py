"""What a model knows of the queries and candidates of rows that do not say it themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mtframework.errors import DataError, quoted_list
from mtframework.schema.schema import Schema


def catalogue_columns(schema: Schema, names: Iterable[str]) -> tuple[str, ...]:
    """Returns those of some columns that a catalogue knows of its candidates."""
    return _describing(schema, names, "candidate")


def lasting_columns(schema: Schema, names: Iterable[str]) -> tuple[str, ...]:
    """Returns those of some columns that a trained model knows of the queries that it met."""
    return _describing(schema, names, "query")


def encode_known(model, columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns raw columns as `model.encode` does, and what they lack and the model knows.

    Args:
        model: A trained `MultiTaskModel`.
        columns: Raw columns: `{name: [num_rows]}`.

    Raises:
        DataError: Rows do not say of a query or candidate what towers read, and neither does the
            model, since training did not meet it.
    """
    encoded = model.encode(columns)
    schema, catalogue, queries = model.schema, model.catalogue, model.queries

    def lacking(key: str, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in columns] if key in columns else []

    key = schema.candidate_key
    if missing := lacking(key, catalogue_columns(schema, model.feature_columns)):
        vocabulary = model.vocabularies[key]
        rows = catalogue.row_of_each_id(vocabulary.size)[vocabulary.ids(columns[key])]
        _refuse_unknown("candidate", columns[key], rows < 0, missing)
        encoded |= {name: catalogue.columns[name][rows] for name in missing}
    key = schema.query_key
    if missing := lacking(key, queries.columns):
        ids = model.vocabularies[key].ids(columns[key])
        _refuse_unknown("query", columns[key], ~queries.is_known[ids], missing)
        encoded |= {name: queries.columns[name][ids] for name in missing}
    return encoded


def _describing(schema: Schema, names: Iterable[str], role: str) -> tuple[str, ...]:
    keys = (schema.query_key, schema.candidate_key)
    return tuple(name for name in names if name not in keys and schema[name].role == role)


def _refuse_unknown(what: str, names: Any, is_unknown: np.ndarray, missing: list[str]) -> None:
    if is_unknown.any():
        raise DataError(
            f'The {what} "{np.asarray(names)[is_unknown][0]}" was not seen in training, so the '
            f"model does not know its {quoted_list(missing)}.",
            f"Rows with the column{'s' * (len(missing) > 1)} {quoted_list(missing)}.",
            f"Give them for each new {what}, or leave its rows out.",
        )
