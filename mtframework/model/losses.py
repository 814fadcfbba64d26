"""The tasks' losses on a batch, and the one total that is minimised."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.losses.reduction import reduce_losses
from mtframework.model.counted import counted_rows
from mtframework.tasks.task import Task
from mtframework.tasks.views import as_seen_by, candidate_of

TOWERS = "towers"
"""The key of the model's output that holds the embeddings; no task can have this name."""


def total_loss(
    model,
    features: Mapping[str, Any],
    labels: Mapping[str, Any],
    predictions: Mapping[str, Any],
    sample_weights: Mapping[str, Any],
    training: bool,
):
    """Returns the total of the tasks' weighted losses, a scalar, and updates their reports.

    Args:
        model: A `MultiTaskModel`.
        features: Encoded columns: `{name: [batch]}`.
        labels: The tasks' labels: `{column: [batch]}`.
        predictions: What the model made of the features.
        sample_weights: The rows' weights: `{column: [batch]}`.
        training: Whether the step trains.
    """
    inputs = {
        "ids": {name: features[tower.key] for name, tower in model.towers.items()},
        "num_ids": _num_ids_of_pure_towers(model, training),
        **_catalogue_inputs(model, training),
    }
    num_rows = ops.shape(features[model.feature_columns[0]])[0]
    counted = counted_rows(features, num_rows)
    embeddings = predictions[TOWERS]
    if not training:
        embeddings = {name: as_seen_by(task, embeddings) for name, task in model.tasks.items()}
    catalogue = inputs.pop("catalogue", None)
    losses, present, weights = {}, {}, {}
    loss_weights = {
        name: ops.convert_to_tensor(report.loss_weight) for name, report in model.reports.items()
    }
    for name, task in model.tasks.items():
        valid, task_labels = _split_missing(task, labels)
        if counted is not None:
            valid = counted if valid is None else ops.logical_and(valid, counted)
        weights[name] = _row_weights(task, valid, sample_weights, num_rows)
        rows = {
            TOWERS: embeddings[name],
            "valid": valid,
            "counted": counted,
            "row_weights": weights[name],
            "parents": [predictions[parent] for parent in model.lineages[name][:-1]],
        }
        if task.needs_catalogue:
            rows["catalogue"] = {task.candidate: candidate_of(task, catalogue)}
        if task.num_sampled_candidates:
            rows.update(_sample_candidates(model, task, training))
        example_losses = task.example_losses(task_labels, predictions[name], {**inputs, **rows})
        if isinstance(example_losses, tuple):
            example_losses, measured = example_losses
        else:
            measured = task.metric_scores(model.score(name, predictions))
        losses[name] = reduce_losses(
            ops.cast(example_losses, "float32"), weights[name], task.reduction
        )
        # A task that is switched off is as good as absent to whatever balances losses.
        present[name] = ops.logical_and(ops.sum(weights[name]) > 0, loss_weights[name] > 0)
        # Weights are for the loss: in metrics every row that counts, counts once.
        model.reports[name].update_metrics(
            task.metric_labels(task_labels), measured, ops.cast(weights[name] > 0, "float32")
        )
    weighted = {name: loss_weights[name] * losses[name] for name in model.tasks}
    total, balance = model.loss_balancer.weigh(weighted, present, training)
    for name in model.tasks:
        model.reports[name].update_loss(
            losses[name], ops.sum(weights[name]), balance[name] * loss_weights[name]
        )
    if training and model.junction is not None:
        total = total + model.junction.observe(losses, present)
    if training and model.sharing is not None:
        model.sharing.observe()
    penalties = [tower.penalty(features) for tower in model.towers.values()] if training else []
    for penalty in (*model.losses, *penalties):
        total = total + ops.cast(ops.sum(penalty), "float32")
    return total


def _num_ids_of_pure_towers(model, training: bool) -> dict[str, int]:
    # Candidate columns are functions of the candidate's id, and so is what a tower makes of
    # them, unless dropout makes it differ from row to row.
    return {
        name: model.vocabularies[tower.key].size
        for name, tower in model.towers.items()
        if model.is_candidate_tower(name)
        and tower.key == model.schema.candidate_key
        and (tower.is_deterministic or not training)
    }


def _catalogue_inputs(model, training: bool) -> dict[str, Any]:
    towers = {task.candidate for task in model.tasks.values() if task.needs_catalogue}
    if not towers:
        return {}
    num_ids = model.vocabularies[model.catalogue.key].size
    return {
        "catalogue": model.embed(towers, model.catalogue.columns, training),
        "catalogue_rows": ops.convert_to_tensor(model.catalogue.row_of_each_id(num_ids)),
    }


def _sample_candidates(model, task, training: bool) -> dict[str, Any]:
    """Returns uniformly drawn candidates of the catalogue: their ids and embeddings."""
    rows = keras.random.randint(
        (task.num_sampled_candidates,), 0, model.catalogue.size, seed=model.seed_generator
    )
    columns = {
        name: ops.take(ops.convert_to_tensor(values), rows, axis=0)
        for name, values in model.catalogue.columns.items()
    }
    embeddings = candidate_of(task, model.embed([task.candidate], columns, training))
    ids = columns[model.towers[task.candidate].key]
    return {"sampled": (ids, embeddings), "num_candidates": model.catalogue.size}


def _split_missing(task: Task, labels: Mapping[str, Any]):
    """Returns which rows count (None for all), and the labels without missing values."""
    if task.label is None:
        return None, None
    if task.label not in labels:
        raise ModelError(
            f'The labels lack the column "{task.label}" of the task "{task.name}".'
            f"{did_you_mean(task.label, labels)}",
            f"One of {quoted_list(labels)}.",
            "Add the column to the batch's labels.",
        )
    column = ops.cast(labels[task.label], "float32")
    valid = task.valid_rows(column)
    return valid, ops.where(valid, column, task.label_placeholder)


def _row_weights(task: Task, valid, sample_weight: Mapping[str, Any], num_rows):
    """Returns the weight of each row, `[batch]` float32; zero where it does not count."""
    if task.sample_weight is None:
        weights = ops.ones((num_rows,), "float32")
    elif task.sample_weight in sample_weight:
        weights = ops.cast(sample_weight[task.sample_weight], "float32")
    else:
        raise ModelError(
            f'The sample weights lack the column "{task.sample_weight}" of the task "{task.name}".'
            f"{did_you_mean(task.sample_weight, sample_weight)}",
            f"The columns {quoted_list(sample_weight)} and this one.",
            "Add the column to the batch's sample weights.",
        )
    return weights if valid is None else ops.where(valid, weights, 0.0)
