"""What a model is made of, checked: towers and tasks by name, chains, and the columns they read."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.model.histories import HISTORY, RECENT
from mtframework.model.losses import TOWERS
from mtframework.schema.schema import Schema
from mtframework.tasks.task import Task
from mtframework.towers.base_tower import BaseTower


def parts_by_name(kind: str, argument: str, parts: Any) -> dict[str, Any]:
    """Returns the parts by name, and says what is wrong where they are no list of layers."""
    example = f"{argument} = [{kind.title()}(...), ...], in Gin [@name/{kind.title()}(), ...]"
    if isinstance(parts, (str, keras.layers.Layer)) or not isinstance(parts, Iterable):
        raise ModelError(
            f"The model was given {argument} = {parts!r}.",
            f"A list of {kind}s.",
            f"Write {example}.",
        )
    by_name: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, keras.layers.Layer):
            called = f", the class {part.__name__} and no object of it" * isinstance(part, type)
            raise ModelError(
                f"The list {argument} holds {part!r}{called}.",
                f"A {kind}.",
                f"Write {example}; in Gin mind the parentheses.",
            )
        if part.name in by_name:
            raise ModelError(
                f'Two {kind}s are named "{part.name}".',
                f"A name of its own for every {kind}.",
                f"Rename one of the two {kind}s.",
            )
        by_name[part.name] = part
    if not by_name:
        raise ModelError(
            f"The list {argument} is empty.", f"One {kind} or more.", f"Write {example}."
        )
    return by_name


def checked_part(argument: str, part: Any, kind: type) -> Any:
    """Returns the part, and says what is wrong where it is none of its kind."""
    if part is not None and not isinstance(part, kind):
        raise ModelError(
            f"The model was given {argument} = {part!r}.",
            f"A {kind.__name__}, or None.",
            f"Write {argument} = {kind.__name__}(...), in Gin @{kind.__name__}() with the "
            "parentheses, for one of those that mtframework list shows.",
        )
    return part


def check_composition(towers: Mapping[str, BaseTower], tasks: Mapping[str, Task]) -> None:
    """Raises a `ModelError` where no task reads a tower, or a task has a name that is taken."""
    if TOWERS in tasks:
        raise ModelError(
            f'A task is named "{TOWERS}", which is the key of the embeddings in outputs.',
            "Any other name.",
            "Rename the task.",
        )
    names = tuple(towers)
    read = {tower for task in tasks.values() for tower in task.reads(names)}
    for name in names:
        if name not in read:
            raise ModelError(
                f'No task reads the tower "{name}".',
                "Every tower is read by a task.",
                f'Name "{name}" in a task, or take the tower out of the model.',
            )


def lineage_of(name: str, tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """Returns the tasks of a chain from its first link to this one."""
    lineage = [name]
    while (parent := tasks[lineage[0]].parent) is not None:
        child = lineage[0]
        if parent not in tasks:
            raise ModelError(
                f'The task "{child}" has parent = "{parent}", and there is no such task.'
                f"{did_you_mean(parent, tasks)}",
                f"One of {quoted_list(tasks)}.",
                f"Correct the parent of {child}, or add the task.",
            )
        if not tasks[parent].gives_probability:
            raise ModelError(
                f'The task "{child}" has parent = "{parent}", which is a '
                f"{type(tasks[parent]).__name__}.",
                "A BinaryFeedback, whose probability the chain multiplies with.",
                f"Correct the parent of {child}.",
            )
        if parent in lineage:
            raise ModelError(
                f"The parents form a circle: {' -> '.join([parent, *lineage])}.",
                "A chain with a first link.",
                f"Remove the parent of one of these tasks, for example of {child}.",
            )
        lineage.insert(0, parent)
    return tuple(lineage)


def check_starts(tasks: Mapping[str, Task]) -> None:
    """Raises a `ModelError` where a retrieval cannot start from another one's view of the query."""
    for name, task in tasks.items():
        links = [name]
        while (start := tasks[links[-1]].start_from) is not None:
            last = tasks[links[-1]]
            argument = f'The task "{last.name}" has start_from = "{start}"'
            fix = f"Correct {last.name}/{type(last).__name__}.start_from."
            if start not in tasks:
                raise ModelError(
                    f"{argument}, and there is no such task.{did_you_mean(start, tasks)}",
                    "Another retrieval task of the model.",
                    fix,
                )
            if not tasks[start].retrieves or tasks[start].query != task.query:
                raise ModelError(
                    f'{argument}, which does not retrieve by the tower "{task.query}".',
                    "A retrieval task with the same query tower.",
                    fix,
                )
            if start in links:
                raise ModelError(
                    f"The starts go in a circle: {' -> '.join([*links, start])}.",
                    "A first view that starts from the tower.",
                    f"Take start_from out of one of these tasks, for example of {name}.",
                )
            links.append(start)


def check_columns(
    towers: Mapping[str, BaseTower], tasks: Mapping[str, Task], schema: Schema
) -> None:
    """Raises an error where the data set's columns are not what towers and tasks read."""
    for tower in towers.values():
        tower.check(schema)
        taken = [name for name in (HISTORY, RECENT) if name in schema]
        if tower.history_columns and taken:
            raise ModelError(
                f'The data set has a column "{taken[0]}", which is what a request calls the events '
                "of its query.",
                "Another name, since a tower reads histories.",
                "Rename the column in the data.",
            )
    for task in tasks.values():
        for name, kind in columns_of_task(task).items():
            if schema[name].kind != kind:
                raise ModelError(
                    f'The column "{name}" is {schema[name].kind}, and the task "{task.name}" reads '
                    f"it as a {kind} {'label' if kind == 'categorical' else 'label or weight'}.",
                    f"A {kind} column.",
                    OTHER_KIND[kind],
                )
        if task.retrieves:
            _check_key(task, towers[task.query], "query", schema.query_key)
            _check_key(task, towers[task.candidate], "candidate", schema.candidate_key)


OTHER_KIND = {
    "numeric": "Name another column, turn its values into numbers before, or learn a label of "
    "categories by Categories.",
    "categorical": "Name another column, or declare the label categorical: in Tables.columns, "
    '"categorical label".',
}
"""What to do about a label or weight that is not of the kind that a task reads."""


def columns_of_task(task: Task) -> dict[str, str]:
    """Returns the columns of labels and weights that a task reads, and of which kind each is."""
    others = dict.fromkeys((task.sample_weight, *task.seen_labels), "numeric")
    return {name: kind for name, kind in {**others, task.label: task.label_kind}.items() if name}


def check_rows(task: Task, columns: Mapping[str, np.ndarray], needs_labels: bool) -> None:
    """Raises a `ModelError` where the training rows cannot teach the task."""
    if task.label is not None and needs_labels:
        labels = ops.convert_to_tensor(np.asarray(columns[task.label], "float32"))
        if not ops.convert_to_numpy(task.valid_rows(labels)).any():
            raise ModelError(
                f'No training row counts for the task "{task.name}": its label "{task.label}" is '
                "missing in every one, or below what makes a positive.",
                "At least one row with a label.",
                "Check the label's column, missing_label and positive_from.",
            )
    if task.sample_weight is not None:
        weights = np.asarray(columns[task.sample_weight], "float32")
        if not (np.isfinite(weights).all() and weights.min() >= 0):
            raise ModelError(
                f'The sample weight "{task.sample_weight}" of the task "{task.name}" holds '
                f"{weights[~(np.isfinite(weights) & (weights >= 0))][0]:g}.",
                "A finite number of at least 0, in every row.",
                "Correct the column.",
            )


def _check_key(task: Task, tower: BaseTower, argument: str, key: str) -> None:
    """Raises a `ModelError` where a retrieval's tower identifies its rows by another column."""
    if tower.key != key:
        raise ModelError(
            f'The {argument} tower "{tower.name}" of the task "{task.name}" has the key '
            f'"{tower.key}".',
            f'"{key}", by which the data set tells one {argument} from another.',
            f"Set {tower.name}/{type(tower).__name__}.key = '{key}', or put that feature first.",
        )
