"""Baselines judged as models are."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.data.dataset import Dataset, print_to_stderr
from mtframework.errors import DataError
from mtframework.evaluation.askers import Askers
from mtframework.evaluation.baselines.als import AlternatingLeastSquares
from mtframework.evaluation.baselines.ease import EASE
from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.item_knn import ItemKNN
from mtframework.evaluation.baselines.item_to_item import ItemToItemCounts
from mtframework.evaluation.baselines.other_feedback_first import OtherFeedbackFirst
from mtframework.evaluation.baselines.own_frequency import OwnFrequency
from mtframework.evaluation.baselines.popularity import Popularity
from mtframework.evaluation.before import Before, joined
from mtframework.evaluation.compare import Comparison
from mtframework.evaluation.counted_rows import rows_that_count
from mtframework.evaluation.evaluate import (
    RankedRows,
    metrics_of_ranks,
    metrics_of_scores,
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

    For tasks that predict a number or a probability: the mean label of the
    training rows (the shares of the classes). For
    retrieval tasks: popularity, item-kNN, item-to-item counts, EASE, where `implicit` is installed
    ALS, and where queries take a candidate again what each has had most. They learn from the
    training rows that are positives of the task; for queries without one, each of them takes
    popularity. Other tasks have none.

    Where the retrieval tasks have different positives, these methods learn once more from all of
    them ("all feedback"), and one ranks first what the query has by the other kinds.

    A method that cannot learn from the data is left out.

    Args:
        model: An adapted model; it need not be trained.
        dataset: The data that it was adapted to.
        split: The rows to evaluate on.
        say: Told of each method that is left out, and why: item-to-item counts and a query's own
            frequency need a timestamp, EASE memory.
    """
    train, rows = (dataset.encoded_split(name, model.vocabularies) for name in ("train", split))
    numbers = [task for task in model.tasks.values() if task.is_compared_with_mean]
    retrievals = [task for task in model.tasks.values() if task.retrieves]
    results = []
    if numbers:
        judge = functools.partial(_judge_constant, model.schema.query_key, train, rows)
        results.append(_judge("constant", numbers, judge))
    if retrievals:
        askers = Askers.of(dataset, split, rows)
        before = Before.of(model, dataset, split)
        positives = _Positives(model, train, dataset.rows_in_order, retrievals, before)
        for plan in _plans(positives.differ, positives.repeat):
            try:
                results += _judge_rankings(plan, positives, rows, askers)
            except _LeftOutError as why:
                say(f"{plan.name} is left out. {why}")
    return results


def score_ranks(
    method: Any,
    asked: Interactions,
    queries: np.ndarray,
    positives: np.ndarray,
    seen: Callable[[int], np.ndarray],
    popular: np.ndarray,
) -> Ranks:
    """Returns the rank of each row's positive among all candidates, and among unseen ones.

    A query without any interaction gets what is popular. As in `catalogue_ranks`, equals take the
    mean of their ranks, and the positive is never left out.

    Args:
        method: A baseline that has learned.
        asked: What the queries have.
        queries: The query ids, `[num_rows]`.
        positives: The positives' rows in the catalogue, `[num_rows]`.
        seen: Gives the catalogue's rows that count as seen by a query id.
        popular: How popular each candidate is: `[num_candidates]`.
    """
    ranks, filtered = np.zeros((2, len(queries)))
    order = np.argsort(queries, kind="stable")
    in_order = queries[order]
    for start, end in asked.blocks():
        block = method.scores(asked, start, end)
        for query in range(start, end):
            first, last = np.searchsorted(in_order, [query, query + 1])
            of_query = order[first:last]
            is_known = asked.offsets[query] < asked.offsets[query + 1]
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


@dataclass(frozen=True)
class _Plan:
    """How a method learns, and is asked.

    Args:
        name: What the method is called.
        make: Makes it.
        of_all: Whether it learns from the positives of all retrieval tasks, not of the judged one.
        asked_by_all: By result, whether the query's positives of all these tasks ask, or those of
            the judged one.
    """

    name: str
    make: Callable[[], Any]
    of_all: bool
    asked_by_all: Mapping[str, bool]


def _plans(several: bool, repeat: bool) -> Iterator[_Plan]:
    """Yields what to judge.

    Args:
        several: Whether retrieval tasks have different positives.
        repeat: Whether a query has a candidate more than once.
    """
    methods = {
        "popularity": Popularity,
        "item-kNN": ItemKNN,
        "item-to-item counts": ItemToItemCounts,
        "EASE": EASE,
    }
    if repeat:
        methods["own frequency"] = OwnFrequency
    if AlternatingLeastSquares.is_installed():
        methods["ALS (implicit)"] = AlternatingLeastSquares
    for name, make in methods.items():
        yield _Plan(name, make, False, {name: False})
        if several:
            asked = {f"{name}, all feedback": True}
            if make in (ItemKNN, EASE):
                asked[f"{name}, all feedback, asked by its own"] = False
            yield _Plan(f"{name}, all feedback", make, True, asked)
    if several:
        name = "other feedback first, then item-kNN"
        yield _Plan(name, OtherFeedbackFirst, False, {name: True})


class _Positives:
    """The training rows that are positives of retrieval tasks.

    Args:
        model: An adapted model.
        train: The encoded training rows.
        is_in_order: Whether they stand in the order of time.
        tasks: The model's retrieval tasks.
        before: What came before the rows that are judged, where it is known.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        train: Columns,
        is_in_order: bool,
        tasks: Sequence[Task],
        before: Before | None,
    ):
        self.before = before
        self._made: dict[tuple[str | None, bool], Interactions] = {}
        self.model, self.train, self.is_in_order, self.tasks = model, train, is_in_order, tasks
        self.masks = {task.name: rows_that_count(task, train)[0] for task in tasks}
        self.of_any = np.any(list(self.masks.values()), axis=0)

    @property
    def differ(self) -> bool:
        """Whether there are tasks that lack positives which others have."""
        return any(not np.array_equal(each, self.of_any) for each in self.masks.values())

    @property
    def repeat(self) -> bool:
        """Whether a query has a candidate in more than one training row."""
        keys = self.model.schema.query_key, self.model.catalogue.key
        queries, candidates = (self.train[key][self.of_any] for key in keys)
        sizes = (self.model.vocabularies[key].size for key in keys)
        distinct = Interactions.of(queries, candidates, *sizes)
        return len(distinct.candidates) < len(queries)

    def interactions(self, task: Task, of_all: bool, in_order: bool) -> Interactions:
        """Returns a task's positives, or all tasks', distinct or in the order of time.

        Raises:
            DataError: The rows have no order.
        """
        wanted = None if of_all else task.name, in_order
        if wanted not in self._made:  # many methods learn from the same
            self._made[wanted] = self._interactions(task, of_all, in_order)
        return self._made[wanted]

    def popularity(self, task: Task) -> np.ndarray:
        """Returns how popular each candidate is by a task's positives: `[num_candidates]`."""
        return Popularity().fit(self.interactions(task, False, False)).counts

    def _interactions(self, task: Task, of_all: bool, in_order: bool) -> Interactions:
        valid = self.of_any if of_all else self.masks[task.name]
        catalogue, key = self.model.catalogue, self.model.schema.query_key
        queries = self.train[key][valid]
        candidates = catalogue.rows(self.train[catalogue.key][valid])
        sizes = self.model.vocabularies[key].size, catalogue.size
        if not in_order:
            return Interactions.of(queries, candidates, *sizes)
        timestamps = self.model.schema.names("timestamp")
        if not timestamps and not self.is_in_order:
            raise DataError(
                "The rows have no order: no column is a timestamp.",
                "A column of that role.",
                "Declare the column that tells when each row happened.",
            )
        times = self.train[timestamps[0]] if timestamps else np.arange(len(valid))
        return Interactions.in_order(queries, candidates, times[valid], *sizes)

    def requests(
        self, method: Any, task: Task, by_all: bool, queries: np.ndarray, chosen: np.ndarray
    ) -> tuple[Interactions, np.ndarray, Callable[[int], np.ndarray]]:
        """Returns what some rows ask with, who they are, and what each of these has seen.

        Where it is known what came before a row, that asks, and is seen; otherwise what the row's
        query has in the training rows.

        Args:
            method: The baseline that is asked.
            task: The task that is judged.
            by_all: Whether the positives of all retrieval tasks ask.
            queries: The query ids of the rows, `[num_chosen]`.
            chosen: The numbers of the rows in the split.
        """
        catalogue = self.model.catalogue
        in_order = getattr(method, "needs_order", False)
        if self.before is None or not getattr(method, "asked_by_anyone", True):
            seen = functools.partial(catalogue.seen, task=task.name)
            return self.interactions(task, by_all, in_order), queries, seen
        offsets, candidates = self.before.positives(self.tasks if by_all else [task], chosen)
        asked = Interactions(offsets, candidates, catalogue.size)
        if not in_order:
            owners = asked.owners(0, len(offsets) - 1)
            asked = Interactions.of(owners, candidates, len(offsets) - 1, catalogue.size)
        of_training = catalogue.seen_of(queries, task.name)
        seen_offsets, rows = joined(of_training, self.before.seen(task, chosen))
        return (
            asked,
            np.arange(len(queries)),
            lambda row: rows[seen_offsets[row] : seen_offsets[row + 1]],
        )


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
    constant = task.constant_scores(labels)
    seconds = time.perf_counter() - began
    valid, labels = rows_that_count(task, rows)
    if not valid.any():
        return {}, seconds
    scores = keras.tree.map_structure(lambda x: np.full(valid.sum(), x, "float32"), constant)
    queries = rows[query_key][valid]
    return metrics_of_scores(task, labels[valid], scores, queries, []), seconds


def _judge_rankings(
    plan: _Plan, positives: _Positives, rows: Columns, askers: Askers
) -> list[Comparison]:
    """Returns what one method reaches on the retrieval tasks, one result for each way of asking."""
    model, method = positives.model, plan.make()
    in_order = getattr(method, "needs_order", False)
    metrics: dict[str, dict[str, float]] = {name: {} for name in plan.asked_by_all}
    fit_seconds, evaluate_seconds, has_learned = 0.0, dict.fromkeys(metrics, 0.0), False
    for task in positives.tasks:
        began = time.perf_counter()
        if not (plan.of_all and has_learned):
            try:
                method.fit(positives.interactions(task, plan.of_all, in_order))
            except DataError as error:
                raise _LeftOutError(str(error)) from error
        has_learned = True
        fit_seconds += time.perf_counter() - began
        valid, _ = rows_that_count(task, rows)
        if not valid.any():
            continue
        judged = RankedRows.of(model, rows, askers, valid)
        popular = positives.popularity(task)
        # A query's rows count together by the list that it gets at its first one.
        first, place = np.unique(askers.first[valid], return_inverse=True)
        of_first = rows[model.schema.query_key][first]
        for name, by_all in plan.asked_by_all.items():
            began = time.perf_counter()
            ask = functools.partial(positives.requests, method, task, by_all)
            asked, queries, seen = ask(judged.queries, np.flatnonzero(valid))
            ranks = score_ranks(method, asked, queries, judged.candidates, seen, popular)
            together, earlier = ranks, asked
            asked, queries, seen = ask(of_first, first)
            if asked is not earlier:  # else all rows of a query get one list
                whose = queries[place]
                together = score_ranks(method, asked, whose, judged.candidates, seen, popular)
            found = metrics_of_ranks(ranks, together, judged, model.catalogue.size)
            metrics[name] |= {f"{task.name}/{metric}": value for metric, value in found.items()}
            evaluate_seconds[name] += time.perf_counter() - began
    return [
        Comparison(name, None, found, fit_seconds, evaluate_seconds[name])
        for name, found in metrics.items()
    ]


class _LeftOutError(Exception):
    """A method cannot learn from the data."""
