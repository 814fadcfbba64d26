"""Histories that come with a request, and those that the model knows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mtframework.errors import DataError, ModelError, did_you_mean, quoted_list
from mtframework.schema.encoding import encode_columns
from mtframework.schema.events import LAST, LENGTHS, STARTS, in_history, side_by_side
from mtframework.schema.multi_valued import SEPARATOR
from mtframework.schema.runs import one_behind_another

HISTORY = "history"
"""What a request calls the events of its queries, in place of those that the model knows."""

RECENT = "recent"
"""What a request calls the events that come behind those that the model knows."""

Ragged = tuple[dict[str, np.ndarray], np.ndarray]
"""The columns of events, row after row, and how many each row has."""


def history_length(towers: Mapping[str, Any]) -> int:
    """Returns how many events the towers read at most, 0 where none reads any.

    Raises:
        ModelError: Two towers read different numbers of events.
    """
    lengths = {name: tower.max_length for name, tower in towers.items() if tower.max_length}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f'"{name}" has {length}' for name, length in lengths.items())
        raise ModelError(
            f"The towers read histories of different lengths: {found}.",
            "One max_length for all of them, since a row has one history.",
            "Set the towers' max_length to one number.",
        )
    return next(iter(lengths.values()), 0)


def names_in_batch(columns: Iterable[str], features: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what a tower reads of a batch's histories, side by side or packed as these are."""
    where = (LENGTHS,) if LENGTHS in features else (STARTS, LAST)
    return (*map(in_history, columns), *where)


def histories_of_request(
    model, columns: Mapping[str, Any], encoded: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the histories of a request's rows, side by side; nothing where no tower reads them.

    A row's history is what `"history"` says, else the events that training met of its query, and
    behind them those of `"recent"`; of these the last ones that the model reads. Either column has
    for each row a list of candidates, the latest one last, a text with `|` between them, or a
    mapping of columns, the candidates among them, to lists.

    Args:
        model: An adapted `MultiTaskModel`.
        columns: The raw columns of the request.
        encoded: Those of them that are encoded already.

    Raises:
        DataError: A history is not one of these forms, lacks a column that a tower reads, has one
            that none reads, or goes back in time.
    """
    if not model.max_length:
        return {}
    given = {
        name: history_rows(name, columns[name]) for name in (HISTORY, RECENT) if name in columns
    }
    num_rows = len(next(iter((*encoded.values(), *given.values())), ()))
    key = model.schema.query_key
    for name, each in given.items():
        if len(each) != num_rows:
            raise DataError(
                f'There are {len(each)} of "{name}" for {num_rows} rows.',
                "One history for each row.",
                "Give a query without events an empty list.",
            )
    parts: list[Ragged] = []
    if HISTORY in given:
        parts.append(_encoded(model, HISTORY, given[HISTORY]))
    elif key in encoded:
        parts.append(model.events.last_of(encoded[key], model.max_length))
    if RECENT in given:
        parts.append(_encoded(model, RECENT, given[RECENT]))
    if not parts:
        parts.append(model.events.last_of(np.zeros(num_rows, "int64"), model.max_length))
    found = _last(parts, model.max_length)
    if key not in encoded and key in model.feature_columns:
        found[key] = np.zeros(num_rows, "int32")  # whoever it is, its events say what it did
    return found


def candidates_in_request(model, columns: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the candidates of the events that a request brings, as pairs with their rows.

    Args:
        model: An adapted `MultiTaskModel`.
        columns: The raw columns of the request.

    Returns:
        The row of the request and the row of the catalogue of each event: `[num_events]` int64
        both; unknown candidates are left out.
    """
    key = model.schema.candidate_key
    owners, names = names_in_request(columns, key)
    vocabulary = model.vocabularies[key]
    rows = model.catalogue.row_of_each_id(vocabulary.size)[vocabulary.ids(names)]
    known = rows >= 0
    return np.array(owners, "int64")[known], rows[known].astype("int64")


def names_in_request(columns: Mapping[str, Any], key: str) -> tuple[list[int], list[Any]]:
    """Returns of each event that a request brings the row of the request and the candidate's name.

    Args:
        columns: The raw columns of the request.
        key: The candidate key.
    """
    owners, names = [], []
    for argument in (HISTORY, RECENT):
        for number, each in enumerate(history_rows(argument, columns.get(argument, ()))):
            events = _columns_of(argument, each, key)[key]
            owners += [number] * len(events)
            names += list(events)
    return owners, names


def _last(parts: Sequence[Ragged], max_length: int) -> dict[str, np.ndarray]:
    """Returns the last events of each row, of several parts one behind the other."""
    owners = np.concatenate([np.repeat(np.arange(len(counts)), counts) for _, counts in parts])
    order = np.argsort(owners, kind="stable")
    counts = np.sum([counts for _, counts in parts], axis=0)
    behind = np.repeat(np.cumsum(counts), counts) - np.arange(len(order))
    kept = order[behind <= max_length]
    columns = {
        name: one_behind_another([each[name] for each, _ in parts])[kept] for name in parts[0][0]
    }
    return side_by_side(columns, np.minimum(counts, max_length), max_length)


def _encoded(model, argument: str, histories: Any) -> Ragged:
    schema, key = model.schema, model.schema.candidate_key
    rows = [_columns_of(argument, each, key) for each in history_rows(argument, histories)]
    counts = np.array([len(row[key]) for row in rows], "int64")
    wanted = model.history_columns
    for number, row in enumerate(rows):
        for name in row:
            if name not in wanted:
                raise DataError(
                    f'{_the(argument, number)} has the column "{name}", which no tower reads of '
                    f"events.{did_you_mean(name, wanted)}",
                    f"Columns of {quoted_list(wanted)}.",
                    "Correct the name, or leave the column out.",
                )
            if len(row[name]) != len(row[key]):
                raise DataError(
                    f'{_the(argument, number)} has {len(row[key])} of "{key}" and '
                    f'{len(row[name])} of "{name}".',
                    "One value for each event.",
                    "Correct the lists.",
                )
    flat: dict[str, Any] = {}
    ids = model.vocabularies[key].ids([each for row in rows for each in row[key]])
    places = model.catalogue.row_of_each_id(model.vocabularies[key].size)[ids]
    encoded: dict[str, np.ndarray] = {key: ids}
    for name in wanted:
        if name == key:
            continue
        has = [name in row for row in rows]
        if all(has) and rows:
            flat[name] = [each for row in rows for each in row[name]]
        elif schema[name].role == "candidate":
            values = model.catalogue.columns[name]
            known = (places >= 0).reshape(-1, *[1] * (values.ndim - 1))
            encoded[name] = np.where(known, values[np.maximum(places, 0)], 0).astype(values.dtype)
        elif schema[name].role == "label":
            flat[name] = [v for row in rows for v in row.get(name, [np.nan] * len(row[key]))]
        elif not counts.sum():
            flat[name] = []
        else:
            lacking = next(i for i, row in enumerate(rows) if name not in row and len(row[key]))
            raise DataError(
                f'{_the(argument, lacking)} lacks the column "{name}", which a tower reads of each '
                "event.",
                f'{{"{key}": [...], "{name}": [...]}}, with one value for each event.',
                "Add the column.",
            )
    typed = {name: _typed(each, schema[name].kind) for name, each in flat.items()}
    encoded |= encode_columns(typed, schema, model.vocabularies)
    _check_times(model, argument, encoded, counts)
    return {name: encoded[name] for name in wanted}, counts


def _typed(values: list, kind: str) -> Any:
    if kind != "numeric":
        return values
    return np.array([np.nan if each is None else each for each in values])


def _check_times(model, argument: str, encoded, counts: np.ndarray) -> None:
    for name in model.history_columns:
        if model.schema[name].role != "timestamp":
            continue
        owners = np.repeat(np.arange(len(counts)), counts)
        back = (np.diff(encoded[name]) < 0) & (owners[1:] == owners[:-1])
        if back.any():
            at = int(np.flatnonzero(back)[0])
            raise DataError(
                f'{_the(argument, int(owners[at]))} goes back in time: "{name}" is '
                f"{encoded[name][at + 1]} after {encoded[name][at]}.",
                "The latest event last.",
                "Sort each history by time.",
            )


def history_rows(argument: str, histories: Any) -> Sequence:
    """Returns the rows of a request's histories, and raises a `DataError` where they are none."""
    if isinstance(histories, (str, Mapping)) or not hasattr(histories, "__len__"):
        raise DataError(
            f'The column "{argument}" is {type(histories).__name__}: {histories!r:.60}.',
            "One history for each row: a list of lists.",
            f'Write {{"{argument}": [["a", "b"]]}} for one row.',
        )
    return histories


def _columns_of(argument: str, history: Any, key: str) -> dict[str, Sequence]:
    """Returns one row's history as lists by column."""
    if isinstance(history, str):
        history = [each for each in history.split(SEPARATOR) if each]
    if isinstance(history, Mapping):
        if key not in history:
            raise DataError(
                f'A history lacks the column "{key}", and has {quoted_list(history)}.',
                "The candidates of its events, the latest one last.",
                f'Write {{"{key}": [...]}}, with the other columns beside it.',
            )
        columns = dict(history)
    else:
        columns = {key: history}
    for name, values in columns.items():
        if isinstance(values, str) or not hasattr(values, "__len__") or np.ndim(values) > 1:
            raise DataError(
                f'"{name}" of a history in the column "{argument}" is {values!r:.60}.',
                "A list with one value for each event, the latest one last.",
                f'Write {{"{argument}": [["a", "b"]]}} for one row.',
            )
    return columns


def _the(argument: str, number: int) -> str:
    return f'Row {number} of "{argument}"'
