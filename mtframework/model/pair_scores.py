"""Every task's scores of pairs of queries and candidates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from mtframework.errors import ModelError

# So many pairs at once: what the heads make of them is in memory, their inputs and hidden layers.
_PAIRS_AT_ONCE = 1 << 16

Columns = Mapping[str, Any]


def query_and_candidate_towers(model) -> tuple[list[str], list[str]]:
    """Returns the names of the towers that read queries, and of those that read candidates alone.

    Raises:
        ModelError: There are none of one of the two, or a retrieval task reads none of them.
    """
    candidate_towers = [name for name in model.towers if model.is_candidate_tower(name)]
    query_towers = [name for name in model.towers if name not in candidate_towers]
    if not candidate_towers or not query_towers:
        missing = "candidate" if query_towers else "query"
        raise ModelError(
            f"The model has no tower that reads only {missing} columns.",
            "One tower for queries and one for candidates.",
            "Recommend with a model that has both.",
        )
    for task in model.tasks.values():
        if task.retrieves and task.candidate not in candidate_towers:
            raise ModelError(
                f'The tower "{task.candidate}", in which the task "{task.name}" finds candidates, '
                "reads more than candidate columns.",
                "A tower whose embedding of a candidate is the same for every query.",
                "Take the other columns out of the tower, or declare them candidate columns.",
            )
    return query_towers, candidate_towers


def scores_of(model, tasks: Sequence[str]) -> Callable[[Columns], Columns]:
    """Returns a function of the embeddings of pairs by tower to some tasks' scores of them.

    Of a task that predicts several numbers, each has an entry of its own, `"task/part"`.

    Args:
        model: A `MultiTaskModel`.
        tasks: The tasks' names.
    """
    needed = tuple(dict.fromkeys(link for task in tasks for link in model.lineages[task]))

    def score(embeddings: Columns) -> Columns:
        predictions = model.predict_tasks(embeddings, needed)
        return flat_scores({task: model.score(task, predictions) for task in tasks})

    return score


def score_pairs(
    score: Callable[[Columns], Columns],
    of_queries: Mapping[str, np.ndarray],
    of_candidates: Mapping[str, np.ndarray],
    query_rows: np.ndarray,
    candidate_rows: np.ndarray,
) -> dict[str, np.ndarray]:
    """Returns scores of pairs, `{task: [num_pairs]}` float32.

    Args:
        score: What `scores_of` returned.
        of_queries: The embeddings by query tower, `[num_queries, dim]`.
        of_candidates: The embeddings by candidate tower, `[num_candidates, dim]`.
        query_rows: The query of each pair: `[num_pairs]`.
        candidate_rows: The candidate of each pair: `[num_pairs]`.
    """
    parts: list[dict[str, np.ndarray]] = []
    # Once at least, so that no pairs have the same tasks as some.
    for start in range(0, max(len(query_rows), 1), _PAIRS_AT_ONCE):
        chosen = slice(start, start + _PAIRS_AT_ONCE)
        queries, candidates = query_rows[chosen], candidate_rows[chosen]
        scores = score(
            {
                **{name: each[queries] for name, each in of_queries.items()},
                **{name: each[candidates] for name, each in of_candidates.items()},
            }
        )
        parts.append(
            {
                name: np.asarray(ops.convert_to_numpy(values), "float32")
                for name, values in scores.items()
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def score_all(
    model,
    tasks: Sequence[str],
    of_queries: Mapping[str, np.ndarray],
    of_candidates: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Returns some tasks' scores of every candidate for every query.

    Args:
        model: A `MultiTaskModel`.
        tasks: The tasks' names.
        of_queries: The embeddings by query tower, `[num_queries, dim]`.
        of_candidates: The embeddings by candidate tower, `[num_candidates, dim]`.

    Returns:
        `{task: [num_queries, num_candidates]}` float32, with entries as `scores_of` has them.
    """
    shape = tuple(len(next(iter(each.values()))) for each in (of_queries, of_candidates))
    rows = (each.ravel() for each in np.indices(shape, "int32"))
    scores = score_pairs(scores_of(model, tasks), of_queries, of_candidates, *rows)
    return {name: each.reshape(shape) for name, each in scores.items()}


def flat_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `{task: scores}`; `"task/part"` where a task predicts several numbers.

    >>> flat_scores({"rating": 4.5, "dwell": {"mean": 30.0, "spread": 7.0}})
    {'rating': 4.5, 'dwell/mean': 30.0, 'dwell/spread': 7.0}
    """
    flat = {}
    for task, values in scores.items():
        parts = values if isinstance(values, Mapping) else {"": values}
        for part, each in parts.items():
            flat[f"{task}/{part}" if part else task] = each
    return flat
