"""Queries and candidates as one retrieval task sees them."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from mtframework.tasks.task import Task


def view_name(tower: str, task: str) -> str:
    """Returns by which name the towers' embeddings hold what a task makes of a tower.

    No tower has such a name: Keras allows no slash in one.

    >>> view_name("user", "buy")
    'user/buy'
    """
    return f"{tower}/{task}"


def query_of(task: Task, embeddings: Mapping[str, Any]):
    """Returns the query's embedding as a retrieval task has it, `[num_queries, dim]`.

    Args:
        task: A task that retrieves.
        embeddings: The embeddings by tower, and the task's view of the query where it has one.
    """
    tower = embeddings[task.query]
    view = embeddings.get(view_name(task.query, task.name), tower)
    if not task.has_candidate_bias:
        return view
    # The candidate's bias is one more entry of its embedding, so that one product gives the score.
    return ops.concatenate([view, ops.ones_like(view[:, :1])], axis=-1)


def candidate_of(task: Task, embeddings: Mapping[str, Any]):
    """Returns the candidate's embedding as a retrieval task has it, `[num_candidates, dim]`.

    Args:
        task: A task that retrieves.
        embeddings: The embeddings by tower, and the task's biases where it has some.
    """
    tower = embeddings[task.candidate]
    if not task.has_candidate_bias:
        return tower
    bias = embeddings[view_name(task.candidate, task.name)]
    return ops.concatenate([tower, bias], axis=-1)


def as_seen_by(task: Task, embeddings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the embeddings by tower, those of a retrieval's two towers as the task has them."""
    towers = {name: each for name, each in embeddings.items() if "/" not in name}
    if task.retrieves:
        towers[task.query] = query_of(task, embeddings)
        towers[task.candidate] = candidate_of(task, embeddings)
    return towers
