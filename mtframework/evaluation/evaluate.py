"""A trained model's metrics on rows that it has not seen."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from mtframework.data.dataset import Dataset
from mtframework.data.rows import texts_at
from mtframework.evaluation.askers import Askers
from mtframework.evaluation.before import Before, joined
from mtframework.evaluation.counted_rows import rows_that_count
from mtframework.metrics.by_name import higher_is_better
from mtframework.metrics.catalogue_rank import (
    mean_reciprocal_rank,
    ndcg,
    ranks_and_ties,
    top_k_accuracy,
)
from mtframework.metrics.per_query import per_query_metrics
from mtframework.model.batches import batches_of
from mtframework.model.model import MultiTaskModel
from mtframework.schema.classes import MISSING
from mtframework.tasks.task import Task
from mtframework.tasks.views import candidate_of, query_of

TOP_K = (1, 5, 10, 50, 100)
PER_QUERY_K = (10, 50)
_EVENTS_AT_ONCE = 1 << 20  # of all rows' histories, which stand side by side
_PER_QUERY = ("hit", "recall", "precision", "ndcg", "map")


class Results(dict[str, float]):
    """Metrics by name, and in `notes` what to know of them.

    A note says of a metric that it is undefined and left out, of a task how many of its rows have
    a query or candidate never seen in training, or a candidate that others tie with.
    """

    def __init__(self, metrics: Iterable[tuple[str, float]] = ()):
        super().__init__(metrics)
        self.notes: list[str] = []


@dataclass(frozen=True)
class RankedRows:
    """The rows that a retrieval task is judged by.

    Args:
        queries: The query's id: `[num_rows]`.
        candidates: The positive's row in the catalogue: `[num_rows]`.
        askers: Whose rows count together: `[num_rows]`.
    """

    queries: np.ndarray
    candidates: np.ndarray
    askers: np.ndarray

    @classmethod
    def of(
        cls,
        model: MultiTaskModel,
        columns: Mapping[str, np.ndarray],
        askers: Askers,
        valid: np.ndarray,
    ) -> "RankedRows":
        """Returns those rows of a split that count for a task."""
        candidates = model.catalogue.rows(columns[model.catalogue.key][valid])
        return cls(columns[model.schema.query_key][valid], candidates, askers.numbers[valid])

    def notes(self, model: MultiTaskModel, task: Task, split: str, ties: np.ndarray) -> list[str]:
        """Returns what to know of a task's metrics: unknown queries and candidates, and ties."""
        is_trained = np.zeros(model.catalogue.size, bool)
        is_trained[model.catalogue.seen_rows] = True
        counts = {
            f'have a "{model.schema.query_key}" never seen in training': self.queries == 0,
            f'have a "{model.schema.candidate_key}" that no training row has': ~is_trained[
                self.candidates
            ],
            "have a candidate whose score others share": ties > 0,
        }
        found = [f"{each.sum():,} {what}" for what, each in counts.items() if each.any()]
        num = len(self.queries)
        return [f"{task.name}: of {num:,} {split} rows {', '.join(found)}."] if found else []


def evaluate(
    model: MultiTaskModel,
    dataset: Dataset,
    split: str = "test",
    top_k: Sequence[int] = TOP_K,
    batch_size: int = 8192,
    unlisted_is_missed: bool = False,
) -> Results:
    """Returns every task's metrics on one split.

    A retrieval task gives `{task}/top_{k}`, the share of positive rows whose candidate is among
    the k best of the whole catalogue, `{task}/mrr` and `{task}/ndcg_10`, all of them over all
    candidates and, with `_filtered` behind, without those that count as seen by the query (see
    `Retrieval.seen`) in the training rows and, where the data set says that its `rows_in_order`
    stand in the order of time, in those of the validation before the test. These count every row;
    with `_per_query` behind, such as `{task}/recall_10_per_query`, a query's rows count together,
    by the list that it gets at the first of them (see `mtframework.metrics.per_query`). The other
    tasks give their own metrics. A task without a
    row that counts gives nothing.

    Every row that counts, counts once: weights are for training. Candidates that score alike share
    the mean of their ranks. A metric that is undefined, such as the AUC of labels that are all the
    same, is left out, and `notes` of what is returned says so.

    Args:
        model: A trained model.
        dataset: The data that it was trained on.
        split: `"test"`, `"validation"` or `"train"`.
        top_k: The k of the top-k accuracies; those above the catalogue's size are left out.
        batch_size: How many rows to predict at once, at most; fewer where their histories are long.
        unlisted_is_missed: Whether a row whose candidate the model's catalogue lacks counts as one
            that retrieval does not find, as the model cannot recommend it; otherwise such a row is
            an error. For a model that is older than the data.

    Raises:
        DataError: There is no such split, or a candidate is not in the model's catalogue.
    """
    # The model's own vocabularies: data that have grown since would number ids differently.
    columns = dataset.encoded_split(split, {**dataset.vocabularies, **model.vocabularies})
    unlisted = _Unlisted(model, columns, dataset, split) if unlisted_is_missed else None
    if model.max_length:
        batch_size = max(min(batch_size, _EVENTS_AT_ONCE // model.max_length), 1)
    batches = batches_of(model, dataset, split, batch_size, shuffle=False, needs_labels=False)
    scores, towers = model.predict_and_embed(batches, verbose=0)
    before = Before.of(model, dataset, split) if dataset.rows_in_order else None
    askers = functools.cache(lambda: Askers.of(dataset, split, columns))  # for retrievals alone
    results = Results()
    if (histories := getattr(batches, "histories", None)) is not None:
        results.notes.append(f"Histories: {_KNOWN[histories.known]}.")
    for name, task in model.tasks.items():
        valid, labels = rows_that_count(task, columns)
        if task.label_kind == "categorical":
            results.notes += _unknown_classes(task, dataset, split, labels)
        if not valid.any():
            results.notes.append(f"{name} has no metrics: no {split} row counts for it.")
            continue
        if task.retrieves:
            all_valid = valid
            if unlisted is not None:
                valid = valid & unlisted.is_listed
            rows = RankedRows.of(model, columns, askers(), valid)
            queries = ops.convert_to_numpy(query_of(task, towers))
            queries, at_first = queries[valid], queries[askers().first[valid]]
            embeddings = candidate_of(task, model.embed([task.candidate], model.catalogue.columns))
            embeddings = ops.convert_to_numpy(embeddings)
            seen = model.catalogue.seen_of(rows.queries, name)
            if before is not None:  # the same at all rows of a query
                seen = joined(seen, before.seen(task, valid))
            *ranks, ties = ranks_and_ties(queries, rows.candidates, embeddings, seen)
            together = ranks
            if not np.array_equal(queries, at_first):
                *together, _ = ranks_and_ties(at_first, rows.candidates, embeddings, seen)
            results.notes += rows.notes(model, task, split, ties)
            if unlisted is not None and (num_missed := int((all_valid & ~valid).sum())):
                rows = unlisted.added_to(rows, all_valid, askers())
                ranks, together = (
                    [_with_missed(each, num_missed) for each in both] for both in (ranks, together)
                )
                results.notes.append(
                    f"{name}: of {all_valid.sum():,} {split} rows {num_missed:,} have a "
                    f'"{model.catalogue.key}" that the catalogue lacks, and count as missed.'
                )
            found = metrics_of_ranks(ranks, together, rows, model.catalogue.size, top_k)
        else:
            found = metrics_of_scores(
                task,
                labels[valid],
                keras.tree.map_structure(lambda each, valid=valid: each[valid], scores[name]),
                columns[model.schema.query_key][valid],
                results.notes,
            )
        results.update({f"{name}/{metric}": value for metric, value in found.items()})
    return results


def _unknown_classes(task: Task, dataset: Dataset, split: str, labels: np.ndarray) -> list[str]:
    """Returns a sentence where rows have a class that the model does not know."""
    texts = texts_at(dataset.split(split), str(task.label), np.flatnonzero(labels == 0))
    unknown = texts[texts != MISSING]
    if not len(unknown):
        return []
    return [
        f'{task.name}: {len(unknown):,} of {len(labels):,} {split} rows have a "{task.label}" that '
        f'training never met, such as "{unknown[0]}", and count as without a label.'
    ]


_KNOWN = {
    "before": "each row knows what its query did before it",
    "others": "each row knows all training rows of its query, later ones too",
}


class _Unlisted:
    """The rows of a split whose candidate a model's catalogue lacks."""

    def __init__(
        self,
        model: MultiTaskModel,
        columns: Mapping[str, np.ndarray],
        dataset: Dataset,
        split: str,
    ):
        key = model.catalogue.key
        row_of_id = model.catalogue.row_of_each_id(model.vocabularies[key].size)
        self.is_listed = row_of_id[columns[key]] >= 0
        self.queries = columns[model.schema.query_key]
        # The model has one id for all that it does not know; the data have one for each.
        self.ids = dataset.encoded_split(split)[key]

    def added_to(self, rows: RankedRows, valid: np.ndarray, askers: Askers) -> RankedRows:
        """Returns the rows of a task that are listed, and behind them those that are not."""
        missed = valid & ~self.is_listed
        return RankedRows(
            np.concatenate([rows.queries, self.queries[missed]]),
            np.concatenate([rows.candidates, -1 - self.ids[missed].astype("int64")]),
            np.concatenate([rows.askers, askers.numbers[missed]]),
        )


def _with_missed(ranks: np.ndarray, num_missed: int) -> np.ndarray:
    return np.append(ranks, np.full(num_missed, np.inf))


def metric_directions(model: MultiTaskModel, top_k: Sequence[int] = TOP_K) -> dict[str, bool]:
    """Returns whether more is better of each metric that `evaluate` can give of a model.

    The metrics themselves say so; no name is parsed.

    Args:
        model: A model, adapted or not.
        top_k: As in `evaluate`.

    Raises:
        ModelError: A metric does not say whether a higher value is better.
    """
    directions = {}
    for name, task in model.tasks.items():
        if task.retrieves:
            ranked = (*(f"top_{k}" for k in top_k), "mrr", "ndcg_10")
            of_lists = (f"{each}_{k}" for k in PER_QUERY_K for each in _PER_QUERY)
            ranked = (*ranked, *(f"{each}_per_query" for each in (*of_lists, "mrr")))
            own = {f"{metric}{suffix}": True for suffix in ("", "_filtered") for metric in ranked}
        else:
            own = {metric.name: higher_is_better(metric) for metric in task.make_metrics()}
        directions |= {f"{name}/{metric}": direction for metric, direction in own.items()}
    return directions


def metrics_of_scores(
    task: Task, labels: np.ndarray, scores: np.ndarray, queries: np.ndarray, notes: list[str]
) -> dict[str, float]:
    """Returns a task's own metrics of rows that count, by name.

    Args:
        task: The task.
        labels: `[num_rows]`.
        scores: What `predict` gave.
        queries: Whose row it is, `[num_rows]` int ids, for metrics that declare `reads_queries`; 0
            for queries never seen in training.
        notes: Gets a sentence for each metric that is undefined and left out, and for each that
            reads queries where some are unknown.
    """
    labels = ops.convert_to_numpy(task.metric_labels(labels))
    scores = ops.convert_to_numpy(task.metric_scores(scores))
    found = {}
    for metric in task.make_metrics():
        exact = getattr(metric, "exact", None)
        if getattr(metric, "reads_queries", False):
            value = metric.exact(labels, scores, queries)
            if num_unknown := int((queries == 0).sum()):
                notes.append(
                    f"{task.name}/{metric.name}: {num_unknown:,} of {len(queries):,} rows have a "
                    "query never seen in training."
                )
        elif exact is not None:
            value = exact(labels, scores)
        else:
            of_rows = scores if scores.ndim == 2 else scores[:, None]
            metric.update_state(labels[:, None], of_rows)
            value = float(ops.convert_to_numpy(metric.result()))
        if np.isnan(value):
            why = getattr(metric, "undefined", "it is not a number")
            notes.append(f"{task.name}/{metric.name} is undefined: {why}.")
        else:
            found[metric.name] = value
    return found


def metrics_of_ranks(
    ranks: Sequence[np.ndarray],
    together: Sequence[np.ndarray],
    rows: RankedRows,
    catalogue_size: int,
    top_k: Sequence[int] = TOP_K,
) -> dict[str, float]:
    """Returns the metrics of retrieval, by name.

    Args:
        ranks: Each row's rank among all candidates, and among unseen ones: `[num_rows]` each.
        together: The same in the list that its query gets at its first row.
        rows: The rows.
        catalogue_size: How many candidates there are.
        top_k: As in `evaluate`.
    """
    results = {}
    for suffix, kind, of_lists in zip(("", "_filtered"), ranks, together, strict=True):
        for k in top_k:
            if k <= catalogue_size:
                results[f"top_{k}{suffix}"] = top_k_accuracy(kind, k)
        results[f"mrr{suffix}"] = mean_reciprocal_rank(kind)
        results[f"ndcg_10{suffix}"] = ndcg(kind, 10)
        for k in PER_QUERY_K:
            if k > max(catalogue_size, PER_QUERY_K[0]):
                continue
            found = per_query_metrics(of_lists, rows.askers, rows.candidates, k)
            results |= {f"{name}_{k}_per_query{suffix}": found[name] for name in _PER_QUERY}
            results[f"mrr_per_query{suffix}"] = found["mrr"]
    return results
