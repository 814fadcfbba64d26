"""A query's best candidates of the whole catalogue, exactly, block by block of queries."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from keras import ops

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.metrics.finite import check_not_diverged
from mtframework.model.embedded_rows import embed_queries, embed_rows
from mtframework.model.excluded_rows import Hidden, excluded_rows
from mtframework.model.histories import HISTORY
from mtframework.model.known_columns import encode_known
from mtframework.model.pair_scores import query_and_candidate_towers, score_all
from mtframework.model.requests import check_lengths, request_columns
from mtframework.model.same_order import warn_of_same_order
from mtframework.tasks.views import candidate_of, query_of

# So many scores of queries and candidates at once: 16 MiB, and some copies of them.
_SCORES_AT_ONCE = 1 << 22

Excluded = tuple[np.ndarray, np.ndarray]
Block = tuple[dict[str, np.ndarray], Excluded]


def recommend(
    model, queries: Mapping[str, Any], k: int, exclude_seen: bool, task: str | None
) -> dict[str, np.ndarray]:
    """Returns what `MultiTaskModel.recommend` documents."""
    catalogue = model.catalogue
    scoring = scoring_task(model, task)
    query_towers, candidate_towers = query_and_candidate_towers(model)
    blocks = request_blocks(model, queries, k, catalogue.size, exclude_seen, scoring.name)
    found = []
    with model.lock:
        # Anew each time: the weights may have changed since. `Recommender` keeps them.
        of_catalogue = embed_rows(model, candidate_towers, catalogue.columns)
        for encoded, excluded in blocks:
            of_queries = embed_queries(model, query_towers, encoded)
            if scoring.retrieves:
                pair = (
                    ops.convert_to_numpy(query_of(scoring, of_queries)),
                    ops.convert_to_numpy(candidate_of(scoring, of_catalogue)),
                )
                found.append(best_products(*pair, k, excluded))
            else:
                scores = _scores_of(model, scoring.name, of_queries, of_catalogue)
                warn_of_same_order(scoring.name, scores)
                found.append(_best(scores, k, excluded))
    best, best_scores = (np.concatenate(each) for each in zip(*found, strict=True))
    names = model.vocabularies[catalogue.key].values(catalogue.columns[catalogue.key])
    return {
        catalogue.key: np.where(np.isneginf(best_scores), "", names[best]),
        "score": best_scores,
    }


def request_blocks(
    model,
    queries: Mapping[str, Any],
    k: int,
    num_candidates: int,
    exclude_seen: bool,
    task: str,
    hidden: Hidden | None = None,
) -> Iterator[Block]:
    """Checks a request at once, and returns its queries in blocks.

    Args:
        model: A trained `MultiTaskModel`.
        queries: The raw columns that describe the queries: `{name: [num_queries]}`.
        k: How many candidates each query wants.
        num_candidates: Of how many.
        exclude_seen: Whether to hide what the query has seen in the training rows.
        task: The task that says what counts as seen.
        hidden: What else to hide; see `excluded_rows`.

    Returns:
        The encoded columns of each block, and the pairs of a query of the block and a candidate, by
        row, that are hidden: `[num_excluded]` each. One block, where there is no query.

    Raises:
        ModelError: `k` is below 1 or above the number of candidates, or the queries' key is
            missing.
        DataError: A value is not of its column's kind, or `hidden` has no list a query.
    """
    check_k(k, num_candidates)
    queries = request_columns(model, queries)
    if exclude_seen and HISTORY not in queries:
        check_query_key(model.schema.query_key, queries)
    num_queries = check_lengths(queries)
    queries = as_of_now(model, queries)
    encoded = encode_known(model, queries)
    offsets, rows = excluded_rows(model, queries, exclude_seen, hidden, task)
    return (
        (
            {name: each[start:stop] for name, each in encoded.items()},
            (
                np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1])),
                rows[offsets[start] : offsets[stop]],
            ),
        )
        for start, stop in query_blocks(num_queries, num_candidates)
    )


def query_blocks(num_queries: int, num_candidates: int) -> Iterator[tuple[int, int]]:
    """Yields where blocks of queries begin and end; one, where there is no query.

    >>> list(query_blocks(3, 1 << 21))
    [(0, 2), (2, 3)]
    """
    size = max(1, _SCORES_AT_ONCE // num_candidates)
    for start in range(0, max(num_queries, 1), size):
        yield start, min(start + size, num_queries)


def best_products(
    queries: np.ndarray, candidates: np.ndarray, num: int, excluded: Excluded
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows and inner products of each query's best candidates, best first.

    Args:
        queries: `[num_queries, dim]` float32.
        candidates: `[num_candidates, dim]` float32.
        num: How many; at most as many as there are candidates.
        excluded: Pairs of a query and a candidate, by row, that are not to be found:
            `[num_excluded]` each.

    Returns:
        `[num_queries, num]` both; -inf where fewer are left.
    """
    return _best(queries @ candidates.T, num, excluded)


def _best(scores: np.ndarray, num: int, excluded: Excluded) -> tuple[np.ndarray, np.ndarray]:
    scores[excluded] = -np.inf
    rows = top(scores, num)
    return rows, np.take_along_axis(scores, rows, 1)


def _scores_of(
    model, task: str, of_queries: Mapping[str, np.ndarray], of_catalogue: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Returns a task's score of every candidate for every query."""
    scores = score_all(model, [task], of_queries, of_catalogue)
    if task not in scores:
        raise several_numbers(task, scores)
    check_not_diverged(f'queries\' scores of the task "{task}"', scores[task])
    return scores[task]


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
    """Raises a `ModelError` where `k` is not a whole number from 1 to the number of candidates."""
    is_whole = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
    if not is_whole or not 1 <= k <= num_candidates:
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
            "Add the column to the queries, or recommend seen candidates, too.",
        )


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
