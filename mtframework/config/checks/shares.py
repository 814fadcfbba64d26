"""Loss weights that leave a task as good as off."""

import math
import traceback
import warnings
from collections.abc import Iterator

import numpy as np
from keras import ops

from mtframework.config.blame import blame
from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.config.located import LocatedError
from mtframework.config.location import Location
from mtframework.data.dataset import Dataset
from mtframework.errors import MtframeworkError, MtframeworkWarning
from mtframework.model.batches import batches_of
from mtframework.schema.schema import Schema
from mtframework.tasks.task import Task
from mtframework.training.experiment import Experiment

SMALL_SHARE = 0.001
MAX_ROWS = 8192
NUM_IDS = 500
_READ_LABELS = ("check_rows", "example_losses", "metric_labels", "valid_rows")


def check(configuration: Configuration, experiment: Experiment) -> Iterator[Finding]:
    """Finds tasks whose part of the first step's loss is next to nothing.

    The losses are those of the new model on made-up rows: exact they are not, but a sum over a
    batch of thousands beside a mean shows. The experiment's model is used up.
    """
    schema = getattr(experiment.dataset, "schema", None)
    if schema is None:
        return
    try:
        shares = initial_shares(experiment, schema)
    except Exception as error:  # a plugin's part may raise anything
        if not _reads_labels(error):
            yield _certain(error, configuration, experiment)
            return
        # Made-up labels may be what a plugin's task cannot read.
        yield Finding(
            configuration.source.location,
            f"The losses of a first step on made-up rows cannot be computed: "
            f"{type(error).__name__}: {str(error).splitlines()[0]}",
            "A step that runs without an error.",
            "Train a single epoch to see whether real rows work.",
            level="warning",
        )
        return
    if len(experiment.model.tasks) < 2:
        return
    wrong = [name for name, share in shares.items() if not math.isfinite(share)]
    if wrong:
        yield Finding(
            line_of(configuration, wrong[0]),
            f"At the start the loss of {wrong[0]}, times its weight, is not a finite number.",
            "Losses that fit into float32, at most 3.4e38.",
            f"Lower {_weight_of(experiment, wrong[0])}, or check the loss's other arguments.",
            level="warning",
        )
        return
    on = {name: share for name, share in shares.items() if experiment.model.tasks[name].loss_weight}
    largest = max(on, key=lambda name: on[name], default="")
    for name, share in on.items():
        if share < SMALL_SHARE:
            yield _finding(configuration, experiment, name, largest, on)


def _reads_labels(error: Exception) -> bool:
    """Returns whether an error was raised while labels were read, which are made up."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        of_task = isinstance(frame.f_locals.get("self"), Task)
        if frame.f_code.co_name in _READ_LABELS or (of_task and frame.f_code.co_name == "adapt"):
            return True
    return False


def _certain(error: Exception, configuration: Configuration, experiment: Experiment) -> Finding:
    """Returns an error that any rows would bring about, with the line of the part it is about."""
    located = blame(error, configuration, experiment)
    if isinstance(located, LocatedError):
        found, expected, fix = located.unlocated, located.expected, located.fix
        found = found.replace(" while training", "")
        return Finding(located.location, found, expected, fix, cause=error)
    if isinstance(error, MtframeworkError):
        named = [
            made
            for made in configuration.made()
            if (name := configuration.arguments(made.part, made.scope).get("name"))
            and f'"{configuration.resolved(name.value)}"' in error.found
        ]
        location = named[-1].location if named else configuration.source.location
        return Finding(location, error.found, error.expected, error.fix, cause=error)
    return Finding(
        configuration.source.location,
        f"A first step on made-up rows fails: {type(error).__name__}: {str(error).splitlines()[0]}",
        "A step that runs without an error.",
        "Check the part that raises it; --debug shows the traceback.",
        cause=error,
    )


def initial_shares(experiment: Experiment, schema: Schema) -> dict[str, float]:
    """Returns each task's share of the total loss of a new model on one made-up batch."""
    model = experiment.model
    num_rows = min(experiment.batch_size, MAX_ROWS)
    dataset = made_up_dataset(schema, num_rows, _labels(experiment))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MtframeworkWarning)  # what is made up has no vectors
        model.adapt(dataset)
    batch = batches_of(model, dataset, "train", num_rows)[0]
    features, labels, weights = (*batch, None, None)[:3]
    outputs = model(features, training=False)
    model.compute_loss(features, labels, outputs, weights, training=False)
    totals = {
        name: float(ops.convert_to_numpy(report.total.result()))
        for name, report in model.reports.items()
    }
    # What is not a number must not make one of the other tasks' shares.
    whole = sum(total for total in totals.values() if math.isfinite(total)) or 1.0
    return {name: total / whole for name, total in totals.items()}


def made_up_dataset(schema: Schema, num_rows: int, labels: dict[str, float]) -> Dataset:
    """Returns rows that fit a schema.

    Args:
        schema: The columns.
        num_rows: How many rows.
        labels: The larger of the two values of each label; the other is one less.
    """
    generator = np.random.default_rng(0)
    num_ids = min(NUM_IDS, num_rows)
    ids = generator.permutation(np.arange(num_rows) % num_ids)
    rows, catalogue = {}, {}
    for column in schema:
        values = np.arange(num_ids).astype(str)
        if column.kind == "numeric":
            values = generator.uniform(size=num_ids)
        elif column.kind == "vector":
            values = generator.uniform(size=(num_ids, column.size or 0))
        if column.role == "candidate":
            catalogue[column.name] = values
            rows[column.name] = values[ids]
        elif column.role == "label" and column.kind == "numeric":
            rows[column.name] = labels.get(column.name, 1.0) - generator.integers(0, 2, num_rows)
        else:
            rows[column.name] = values[generator.integers(0, num_ids, num_rows)]
    return Dataset(schema, rows, rows, catalogue, name="made-up rows", rows_in_order=True)


def _labels(experiment: Experiment) -> dict[str, float]:
    # A label of 0 or 1 fits every task, but where only larger ones are positives.
    return {
        task.label: float(getattr(task, "positive_from", None) or 1.0)
        for task in experiment.model.tasks.values()
        if task.label is not None
    }


def _finding(
    configuration: Configuration,
    experiment: Experiment,
    small: str,
    large: str,
    shares: dict[str, float],
) -> Finding:
    task = experiment.model.tasks[large]
    fair = task.loss_weight * shares[small] / shares[large]
    return Finding(
        line_of(configuration, large),
        f"At the start {large} carries {100 * shares[large]:.6g} % of the total loss and {small}, "
        f"weighed at {line_of(configuration, small)}, {100 * shares[small]:.2g} %, which is as "
        "good as off.",
        "Shares large enough for every task to learn.",
        f"Lower {_weight_of(experiment, large)}"
        + (f"; {fair:.1g} makes the two equal." if fair > 0 else ".")
        + " Or take reduction='mean'." * (task.reduction == "sum"),
        level="warning",
    )


def _weight_of(experiment: Experiment, task: str) -> str:
    return f"{task}/{type(experiment.model.tasks[task]).__name__}.loss_weight"


def line_of(configuration: Configuration, task: str) -> Location:
    """Returns where a task's loss weight is set; where it is not, the task."""
    for made in configuration.made():
        bound = configuration.arguments(made.part, made.scope)
        name = bound.get("name")
        if made.part.kind == "task" and name and configuration.resolved(name.value) == task:
            return bound["loss_weight"].location if "loss_weight" in bound else made.location
    return configuration.source.location
