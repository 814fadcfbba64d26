"""What the service answers, as plain values that JSON can hold."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mtframework.errors import DataError, quoted_list
from mtframework.model.known_columns import encode_known
from mtframework.model.pair_scores import flat_scores
from mtframework.model.recommend import as_of_now
from mtframework.model.requests import request_columns
from mtframework.serving.recommender import Recommendations

Row = Mapping[str, Any]


def columns_of_rows(rows: Sequence[Row]) -> dict[str, list]:
    """Returns rows as columns.

    Raises:
        DataError: The rows do not all have the same columns.

    Example:

    >>> columns_of_rows([{"user": "42"}, {"user": "7"}])
    {'user': ['42', '7']}
    """
    names = tuple(rows[0]) if rows else ()
    if rows and not names:
        raise DataError("Row 0 has no columns.", "At least its key.", "Add the columns.")
    for number, row in enumerate(rows):
        if set(row) != set(names):
            raise DataError(
                f"Row {number} has the columns {quoted_list(row)}, and row 0 has "
                f"{quoted_list(names)}.",
                "The same columns in every row.",
                "Add what is missing, or send the rows apart.",
            )
    return {name: [row[name] for row in rows] for name in names}


def ranked(found: Recommendations) -> list[list[dict[str, Any]]]:
    """Returns each query's candidates, best first: id, fused score and every task's score."""
    ids, fused = found.ids.tolist(), found.score.tolist()
    scores = {task: each.tolist() for task, each in found.scores.items()}
    return [
        [
            {
                "id": ids[row][place],
                "score": score,
                "scores": {task: each[row][place] for task, each in scores.items()},
            }
            for place, score in enumerate(fused[row])
            if score != -math.inf  # fewer are left
        ]
        for row in range(len(ids))
    ]


def score_rows(model, rows: Sequence[Row]) -> list[dict[str, float]]:
    """Returns every task's score of each pair of a query and a candidate.

    Args:
        model: A trained `MultiTaskModel`.
        rows: The raw columns of each pair. What the model knows of them may be left out.

    Raises:
        DataError: A column is missing, or a value is not of its column's kind.
    """
    if not rows:
        return []
    columns = request_columns(model, columns_of_rows(rows))
    scores = flat_scores(model.predict(encode_known(model, as_of_now(model, columns)), verbose=0))
    return [{task: float(each[row]) for task, each in scores.items()} for row in range(len(rows))]


def candidate(model, name: str) -> dict[str, Any] | None:
    """Returns what the catalogue knows of a candidate, by column; None of an unknown one."""
    catalogue = model.catalogue
    [id_] = model.vocabularies[catalogue.key].ids([name])
    row = int(catalogue.row_of_each_id(model.vocabularies[catalogue.key].size)[id_])
    if row < 0:
        return None
    return {
        column: _value(model, column, values[row]) for column, values in catalogue.columns.items()
    }


def query(model, name: str, num_seen: int) -> dict[str, Any] | None:
    """Returns what the model knows of a query; None of one that training never met.

    Args:
        model: A trained `MultiTaskModel`.
        name: The query's key.
        num_seen: How many of the candidates that it has seen to name at most.
    """
    key = model.schema.query_key
    [id_] = model.vocabularies[key].ids([name])
    if id_ == 0:
        return None
    known = model.queries.is_known
    columns = {
        column: _value(model, column, values[id_])
        for column, values in model.queries.columns.items()
        if known[id_]
    }
    catalogue = model.catalogue
    seen = catalogue.seen(int(id_))
    names = model.vocabularies[catalogue.key].values(
        catalogue.columns[catalogue.key][seen[:num_seen]]
    )
    return {key: name, **columns, "num_seen": len(seen), "seen": names.tolist()}


def _value(model, column: str, value: Any) -> Any:
    if model.schema[column].kind == "vector":
        return value.tolist()
    if model.schema[column].kind == "numeric":
        number = float(value)
        return number if math.isfinite(number) else None
    ids = np.atleast_1d(value)
    names = model.vocabularies[column].values(ids[ids > 0] if np.ndim(value) else ids)
    return names.tolist() if np.ndim(value) else str(names[0])
