"""What the tasks are given: representations behind the sharing layer, and views of the query."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from mtframework.tasks.views import view_name

Copies = Mapping[str, Mapping[str, Any]]
"""Each task's copy of the embeddings: `{task: {tower: [batch, dim]}}`."""


def represent(model, copies: Copies, names: Sequence[str], training: bool | None) -> dict[str, Any]:
    """Returns the representations of some tasks, `{task: [batch, units]}`.

    That of a retrieval which reads it is made of the query towers; the places of candidate towers
    are zero, since it must be the same for every candidate. Of a task whose view of the query the
    copies hold already, it is left out.

    Args:
        model: A built `MultiTaskModel`.
        copies: Each task's copy of the embeddings.
        names: Of which tasks; those whose views of the query theirs start from come along.
        training: Whether it is part of a training step.
    """
    links = {link for name in names for link in _links(model, name)}
    wanted = {*names, *(link for link in links if model.tasks[link].reads_representation)}
    made: dict[tuple[int, bool], Any] = {}
    joined = {}
    for name in model.tasks:
        if name not in wanted or (
            model.tasks[name].reads_representation and _holds_view(model, name, copies[name])
        ):
            continue
        key = id(copies[name]), model.tasks[name].reads_representation
        if key not in made:  # tasks with one copy in common get one tensor in common
            made[key] = _joined(model, copies[name], of_queries=key[1])
        joined[name] = made[key]
    if model.sharing is not None and joined:
        return model.sharing(joined, training=training)
    return joined


def with_query_views(
    model,
    copies: Copies,
    names: Sequence[str],
    representations: Mapping[str, Any],
    training: bool | None,
) -> Copies:
    """Returns the copies, with the views of the query of those of some tasks that have one.

    Args:
        model: A built `MultiTaskModel`.
        copies: Each task's copy of the embeddings.
        names: The tasks.
        representations: What `represent` returned for them.
        training: Whether it is part of a training step.
    """
    extended = dict(copies)
    for name in names:
        task = model.tasks[name]
        if task.views_query and not _holds_view(model, name, copies[name]):
            view = _view(model, name, name, copies, representations, training)
            extended[name] = {**copies[name], view_name(task.query, name): view}
    return extended


def _view(model, name: str, owner: str, copies: Copies, representations, training):
    """Returns a task's view of the query, made of the embeddings that another one was given."""
    task, towers = model.tasks[name], copies[owner]
    if _holds_view(model, name, towers):
        return towers[view_name(task.query, name)]
    start = towers[task.query]
    if task.start_from is not None:
        start = _view(model, task.start_from, owner, copies, representations, training)
    if not task.views_query:
        return start
    representation = None
    if task.reads_representation:
        if copies[name] is towers:
            representation = representations[name]
        else:  # the gradient of the owner's loss is to come back in the owner's copy
            joined = _joined(model, towers, of_queries=True)
            representation = model.sharing({name: joined}, training=training)[name]
    return task.view_query(start, representation)


def _links(model, name: str) -> list[str]:
    """Returns a task, and the ones whose views of the query it starts from."""
    links = [name]
    while (start := model.tasks[links[-1]].start_from) is not None:
        links.append(start)
    return links


def _holds_view(model, name: str, towers: Mapping[str, Any]) -> bool:
    return view_name(model.tasks[name].query, name) in towers


def _joined(model, towers: Mapping[str, Any], of_queries: bool):
    """Returns the embeddings in the order of the towers, `[batch, units]`."""
    parts = []
    for name, tower in model.towers.items():  # dicts of tensors come back in any order
        if of_queries and model.is_candidate_tower(name):
            anchor = next(iter(towers.values()))
            zero = ops.zeros_like(anchor[:, :1])
            parts.append(ops.repeat(zero, tower.embedding_dim, axis=-1))
        else:
            parts.append(towers[name])
    return ops.concatenate(parts, -1) if len(parts) > 1 else parts[0]
