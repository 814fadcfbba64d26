"""Which candidates a request allows, by what the catalogue knows of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtframework.arguments import is_finite_number
from mtframework.errors import DataError, did_you_mean, quoted_list

_BOUNDS = ("from", "to")


def allowed_candidates(model, only: Mapping[str, Any]) -> np.ndarray:
    """Returns which of the catalogue's candidates meet every condition, `[num_candidates]` bool.

    Args:
        model: A trained `MultiTaskModel`.
        only: A condition for each column: a value that the candidate has; a list, of which it has
            one; or, for a numeric column, `{"from": low, "to": high}`, both included, of which one
            may be left out. A candidate of several categories has each of them.

    Raises:
        DataError: The catalogue has no such column, or the condition is not of its kind.

    Example:

    >>> columns = {"book": np.array([1, 2, 3]), "pages": np.array([90.0, 300.0, 640.0])}
    >>> schema = mtf.Schema(
    ...     (
    ...         mtf.Column("reader", "categorical", "query"),
    ...         mtf.Column("book", "categorical", "candidate"),
    ...         mtf.Column("pages", "numeric", "candidate"),
    ...     ),
    ...     query_key="reader",
    ...     candidate_key="book",
    ... )
    >>> from types import SimpleNamespace
    >>> books = SimpleNamespace(schema=schema, catalogue=SimpleNamespace(columns=columns, size=3))
    >>> allowed_candidates(books, {"pages": {"from": 100, "to": 400}})
    array([False,  True, False])
    """
    if not isinstance(only, Mapping):
        raise DataError(
            f"only is {only!r}.",
            "A condition for each column.",
            'Write for example only={"year": {"from": 1990}}.',
        )
    columns = model.catalogue.columns
    allowed = np.ones(model.catalogue.size, bool)
    for name, condition in only.items():
        if name not in columns:
            raise DataError(
                f'The catalogue has no column "{name}".{did_you_mean(str(name), columns)}',
                f"Columns of {quoted_list(columns)}.",
                "Correct the name, or leave the condition out.",
            )
        if model.schema[name].kind == "vector":
            raise DataError(
                f'only has a condition for "{name}", which is a column of vectors.',
                "Columns of numbers or categories.",
                "Leave the condition out.",
            )
        if model.schema[name].kind == "numeric":
            allowed &= _in_numbers(name, columns[name], condition)
        else:
            allowed &= _in_categories(name, columns[name], condition, model.vocabularies[name])
    return allowed


def _in_numbers(name: str, values: np.ndarray, condition: Any) -> np.ndarray:
    if isinstance(condition, Mapping):
        if (
            not condition
            or not condition.keys() <= set(_BOUNDS)
            or not _are_numbers(condition.values())
        ):
            raise _wrong_condition(name, condition, 'Numbers under "from", "to" or both.')
        low, high = condition.get("from", -np.inf), condition.get("to", np.inf)
        return (values >= low) & (values <= high)
    wanted = condition if isinstance(condition, (list, tuple)) else [condition]
    if not _are_numbers(wanted):
        raise _wrong_condition(
            name, condition, 'A number, a list of numbers, or {"from": 1, "to": 2}.'
        )
    return np.isin(values, np.asarray(wanted, values.dtype))


def _in_categories(name: str, ids: np.ndarray, condition: Any, vocabulary: Any) -> np.ndarray:
    wanted = condition if isinstance(condition, (list, tuple)) else [condition]
    if not all(isinstance(each, (str, int)) and not isinstance(each, bool) for each in wanted):
        raise _wrong_condition(name, condition, "A category, or a list of categories.")
    known = vocabulary.ids([str(each) for each in wanted])
    found = np.isin(ids, known[known > 0])  # an unknown category is had by no candidate
    return np.any(found.reshape(len(found), -1), axis=1)


def _are_numbers(values: Any) -> bool:
    return all(is_finite_number(each) for each in values)


def _wrong_condition(name: str, condition: Any, expected: str) -> DataError:
    return DataError(
        f'The condition of the column "{name}" is {condition!r}.', expected, "Correct only."
    )
