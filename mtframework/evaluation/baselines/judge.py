"""Baselines judged as models are."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from mtframework.data.dataset import Dataset, print_to_stderr
from mtframework.errors import DataError
from mtframework.evaluation.baselines.als import AlternatingLeastSquares
from mtframework.evaluation.baselines.ease import EASE
from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.item_knn import ItemKNN
from mtframework.evaluation.baselines.item_to_item import ItemToItemCounts
from mtframework.evaluation.baselines.popularity import Popularity
from mtframework.evaluation.compare import Comparison
from mtframework.evaluation.evaluate import (
    RankedRows,
    metrics_of_ranks,
    metrics_of_scores,
    rows_that_count,
)
from mtframework.model.model import MultiTaskModel
from mtframework.tasks.task import Task

Columns = dict[str, np.ndarray]
Ranks = tuple[np.ndarray, np.ndarray]


def judge_baselines(
    model: MultiTaskModel,
    dataset: Dataset,
    split: str = "test",
    say: Callable[[str], None] = print_to_stderr,
) -> list[Comparison]:
    """Returns what simple methods reach on the tasks of a model, by the rows it is judged by.

    For tasks that predict a number or a probability: the mean label of the training rows. For
    retrieval tasks: popularity, item-kNN, item-to-item counts, EASE and, where `implicit` is
    installed, ALS, which learn from the training rows that are positives of the task; for queries
    without one, each of them takes popularity. Other tasks have none.

    A method that cannot learn from the data is left out.

    Args:
        model: An adapted model; it need not be trained.
        dataset: The data that it was adapted to.
        split: The rows to evaluate on.
        say: Told of each method that is left out, and why: item-to-item counts need a timestamp,
            EASE memory.
    """
    train, rows = (dataset.encoded_split(name, model.vocabularies) for name in ("train", split))
    numbers = [task for task in model.tasks.values() if task.is_compared_with_mean]
    retrievals = [task for task in model.tasks.values() if task.retrieves]
    results = []
    if numbers:
        judge = functools.partial(_judge_constant, model.schema.query_key, train, rows)
        results.append(_judge("constant", numbers, judge))
    for name, method in _methods().items() if retrievals else ():
        judge = functools.partial(_judge_ranking, method, model, train, rows)
        try:
            results.append(_judge(name, retrievals, judge))
        except _LeftOutError as why:
            say(f"{name} is left out. {why}")
    return results


def score_ranks(
    scores: Callable[[int, int], np.ndarray],
    interactions: Interactions,
    queries: np.ndarray,
    positives: np.ndarray,
    seen: Callable[[int], np.ndarray],
) -> Ranks:
    """Returns the rank of each row's positive among all candidates, and among unseen ones.

    A query without any interaction gets what is popular. As in `catalogue_ranks`, equals take the
    mean of their ranks, and the positive is never left out.

    Args:
        scores: Gives the scores of the queries from a first to an end.
        interactions: What they were learned from.
        queries: The query ids, `[num_rows]`.
        positives: The positives' rows in the catalogue, `[num_rows]`.
        seen: Gives the catalogue's rows that count as seen by a query id.
    """
    ranks, filtered = np.zeros((2, len(queries)))
    popular = Popularity().fit(interactions).counts
    order = np.argsort(queries, kind="stable")
    in_order = queries[order]
    for start, end in interactions.blocks():
        block = scores(start, end)
        for query in range(start, end):
            first, last = np.searchsorted(in_order, [query, query + 1])
            of_query = order[first:last]
            is_known = interactions.offsets[query] < interactions.offsets[query + 1]
            of_all = block[query - start] if is_known else popular
            own = of_all[positives[of_query], None]
            left_out = np.unique(seen(query))
            ranks[of_query] = _half_ranks(of_all, own) - 0.5  # each is one of its equals
            in_left_out = np.isin(positives[of_query], left_out) / 2
            filtered[of_query] = ranks[of_query] - _half_ranks(of_all[left_out], own) + in_left_out
    return ranks, filtered


def _half_ranks(scores: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Returns how many scores are higher, equal ones counted half: `[num_rows]`."""
    higher = np.count_nonzero(scores > own, axis=1)
    return (higher + np.count_nonzero(scores >= own, axis=1)) / 2


def _methods() -> dict[str, Any]:
    methods = {
        "popularity": Popularity(),
        "item-kNN": ItemKNN(),
        "item-to-item counts": ItemToItemCounts(),
        "EASE": EASE(),
    }
    if AlternatingLeastSquares.is_installed():
        methods["ALS (implicit)"] = AlternatingLeastSquares()
    return methods


def _judge(
    name: str, tasks: Sequence[Task], judge: Callable[[Any], tuple[dict[str, float], float]]
) -> Comparison:
    """Returns a baseline's metrics on the tasks that it is for; `judge` gives one task's."""
    began = time.perf_counter()
    metrics, fit_seconds = {}, 0.0
    for task in tasks:
        found, seconds = judge(task)
        metrics |= {f"{task.name}/{metric}": value for metric, value in found.items()}
        fit_seconds += seconds
    evaluate_seconds = time.perf_counter() - began - fit_seconds
    return Comparison(name, None, metrics, fit_seconds, evaluate_seconds)


def _judge_constant(
    query_key: str, train: Columns, rows: Columns, task: Task
) -> tuple[dict[str, float], float]:
    began = time.perf_counter()
    valid, labels = rows_that_count(task, train)
    labels = ops.convert_to_numpy(task.metric_labels(labels[valid]))
    constant = labels.mean(dtype="float64")
    seconds = time.perf_counter() - began
    valid, labels = rows_that_count(task, rows)
    if not valid.any():
        return {}, seconds
    scores = np.full(valid.sum(), constant, "float32")
    queries = rows[query_key][valid]
    return metrics_of_scores(task, labels[valid], scores, queries, []), seconds


def _judge_ranking(
    method: Any, model: MultiTaskModel, train: Columns, rows: Columns, task: Task
) -> tuple[dict[str, float], float]:
    catalogue = model.catalogue
    began = time.perf_counter()
    try:
        interactions = _interactions(model, task, train, getattr(method, "needs_order", False))
        method.fit(interactions)
    except DataError as error:
        raise _LeftOutError(str(error)) from error
    seconds = time.perf_counter() - began
    valid, _ = rows_that_count(task, rows)
    if not valid.any():
        return {}, seconds
    judged = RankedRows.of(model, task, rows, valid)
    seen = functools.partial(catalogue.seen, task=task.name)
    ranks = score_ranks(method.scores, interactions, judged.queries, judged.candidates, seen)
    return metrics_of_ranks(*ranks, judged, catalogue.size), seconds


def _interactions(
    model: MultiTaskModel, task: Task, train: Columns, in_order: bool
) -> Interactions:
    """Returns a task's positives in the training rows, distinct or in the order of time."""
    valid, _ = rows_that_count(task, train)
    catalogue, key = model.catalogue, model.schema.query_key
    queries, candidates = train[key][valid], catalogue.rows(train[catalogue.key][valid])
    sizes = model.vocabularies[key].size, catalogue.size
    if not in_order:
        return Interactions.of(queries, candidates, *sizes)
    timestamps = model.schema.names("timestamp")
    if not timestamps:
        raise DataError(
            "The rows have no order: no column is a timestamp.",
            "A column of that role.",
            "Declare the column that tells when each row happened.",
        )
    return Interactions.in_order(queries, candidates, train[timestamps[0]][valid], *sizes)


class _LeftOutError(Exception):
    """A method cannot learn from the data."""
