"""The columns of a request: what a model reads, one value a row, and nothing that nobody reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.model.histories import HISTORY, RECENT, history_rows
from mtframework.schema.columns import columns_of
from mtframework.schema.schema import Column


def request_columns(model, queries: Any) -> dict[str, Any]:
    """Returns a request's columns as arrays of one value, or one list of values, a row.

    Args:
        model: An adapted `MultiTaskModel`.
        queries: A mapping of raw columns, or a table of pandas, polars or PyArrow.

    Raises:
        DataError: A column is not one that the model reads, has no rows of its own, such as a
            single text, or has more than one dimension.
    """
    queries = columns_of(queries)
    known = dict.fromkeys((*model.request_columns, model.schema.query_key))
    columns = {}
    for name in queries:
        if name in (HISTORY, RECENT) and model.max_length:
            columns[name] = history_rows(name, queries[name])
            continue
        if name not in known:
            raise DataError(
                f'No tower of the model reads the column "{name}".{did_you_mean(name, known)}',
                f"Columns of {quoted_list(known)}.",
                "Correct the name, or leave the column out.",
            )
        columns[name] = _rows(name, queries[name], model.schema[name])
    return columns


def check_lengths(columns: Mapping[str, Any]) -> int:
    """Returns how many rows the columns have.

    Raises:
        DataError: They are not all of one length.
    """
    lengths = {name: len(each) for name, each in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f'"{name}" has {length}' for name, length in lengths.items())
        raise DataError(
            f"The columns have different numbers of rows: {found}.",
            "One value for each row in every column.",
            "Correct the columns.",
        )
    return next(iter(lengths.values()), 0)


def _rows(name: str, values: Any, column: Column) -> Any:
    several = column.kind in ("multi_categorical", "vector")
    is_ragged = several and isinstance(values, (list, tuple))
    if is_ragged and all(isinstance(each, (str, list, tuple)) for each in values):
        return values
    array = np.asarray(values)
    if array.ndim == 0 or (array.ndim > 1 and not several):
        found = f"one value, {values!r}" if array.ndim == 0 else f"values of shape {array.shape}"
        raise DataError(
            f'The column "{name}" is {found}.',
            "A list with one value for each row.",
            f'Write {{"{name}": [value]}} for one row.',
        )
    return array
