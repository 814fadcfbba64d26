"""A query's best candidates of the whole catalogue, exactly."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.metrics.finite import check_not_diverged
from mtframework.model.pair_scores import query_and_candidate_towers, score_pairs
from mtframework.model.requests import request_columns


def recommend(
    model, queries: Mapping[str, Any], k: int, exclude_seen: bool, task: str | None
) -> dict[str, np.ndarray]:
    """Returns what `MultiTaskModel.recommend` documents."""
    catalogue = model.catalogue
    check_k(k, catalogue.size)
    queries = as_of_now(model, request_columns(model, queries))
    key = model.schema.query_key
    if exclude_seen:
        check_query_key(key, queries)
    scores = score_catalogue(model, queries, task)
    check_not_diverged(f'queries\' scores of the task "{scoring_task(model, task).name}"', scores)
    if exclude_seen:
        offsets, seen = catalogue.seen_of(model.vocabularies[key].ids(queries[key]))
        scores[np.repeat(np.arange(len(scores)), np.diff(offsets)), seen] = -np.inf
    best = top(scores, k)
    best_scores = np.take_along_axis(scores, best, 1)
    names = model.vocabularies[catalogue.key].values(catalogue.columns[catalogue.key])
    chosen = np.where(np.isneginf(best_scores), "", names[best])
    return {catalogue.key: chosen, "score": best_scores}


def as_of_now(model, rows: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns raw columns, with the present time where the model reads a time and they have none.

    Args:
        model: A `MultiTaskModel`.
        rows: Raw columns: `{name: [num_rows]}`.
    """
    times = timestamps(model.schema, model.feature_columns)
    missing = [name for name in times if name not in rows]
    if not missing or not rows:
        return rows
    now = np.full(len(next(iter(rows.values()))), int(time.time()), "int64")
    return {**rows, **dict.fromkeys(missing, now)}


def timestamps(schema, names) -> tuple[str, ...]:
    """Returns those of some columns that hold times."""
    return tuple(name for name in names if schema[name].role == "timestamp")


def check_k(k: int, num_candidates: int) -> None:
    """Raises a `ModelError` where there are fewer than `k` candidates, or `k` is below 1."""
    if not 1 <= k <= num_candidates:
        raise ModelError(
            f"k is {k}, and the catalogue holds {num_candidates} candidates.",
            f"A number from 1 to {num_candidates}.",
            "Ask for fewer recommendations.",
        )


def check_query_key(key: str, queries: Mapping[str, Any]) -> None:
    """Raises a `ModelError` where the queries lack their key."""
    if key not in queries:
        raise ModelError(
            f'The queries lack the column "{key}", by which a query\'s seen candidates are known.'
            f"{did_you_mean(key, queries)}",
            f'The column "{key}", or exclude_seen=False.',
            "Add the column to the queries, or recommend what has been seen, too.",
        )


def score_catalogue(model, queries: Mapping[str, Any], task: str | None = None) -> np.ndarray:
    """Returns a task's score of every candidate for every query.

    Args:
        model: A `MultiTaskModel`.
        queries: The raw columns that describe the queries: `{name: [num_queries]}`.
        task: The task's name. Left out, the first retrieval task, else the first task.

    Returns:
        `[num_queries, num_candidates]` float32, candidates in the catalogue's order.
    """
    scoring = scoring_task(model, task)
    features = model.encode(queries)
    query_towers, candidate_towers = query_and_candidate_towers(model)
    of_catalogue = model.embed(candidate_towers, model.catalogue.columns)
    of_queries = model.embed(query_towers, features)
    if scoring.retrieves:
        product = ops.matmul(
            of_queries[scoring.query], ops.transpose(of_catalogue[scoring.candidate])
        )
        return np.array(ops.convert_to_numpy(product), "float32")
    shape = of_queries[query_towers[0]].shape[0], model.catalogue.size
    query_rows, candidate_rows = (each.ravel() for each in np.indices(shape, "int32"))
    scores = score_pairs(
        model, [scoring.name], of_queries, of_catalogue, query_rows, candidate_rows
    )
    if scoring.name not in scores:
        raise several_numbers(scoring.name, scores)
    return scores[scoring.name].reshape(shape)


def several_numbers(task: str, scores: Mapping[str, Any]) -> ModelError:
    """Returns the error of a task that cannot be sorted by."""
    return ModelError(
        f'The task "{task}" predicts several numbers: {quoted_list(scores)}.',
        "A task with one score, by which candidates can be sorted.",
        "Name another task.",
    )


def scoring_task(model, name: str | None):
    """Returns the task of that name; without one, the first retrieval task, else the first.

    Raises:
        ModelError: There is no such task.
    """
    if name is None:
        retrievals = [task for task in model.tasks.values() if task.retrieves]
        return (retrievals or list(model.tasks.values()))[0]
    if name not in model.tasks:
        raise ModelError(
            f'There is no task "{name}".{did_you_mean(name, model.tasks)}',
            f"One of {quoted_list(model.tasks)}.",
            "Correct the name.",
        )
    return model.tasks[name]


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """Returns the columns of the `k` largest scores a row, best first."""
    columns = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    columns.sort(axis=1)  # of equal scores the first column comes first
    order = np.argsort(-np.take_along_axis(scores, columns, 1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, 1)
