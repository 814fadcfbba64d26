"""The clauses of a task's contract, one function each."""

from collections.abc import Mapping

import keras
import numpy as np

from mtframework.testing.clause import numbers
from mtframework.testing.example_model import NUM_ROWS, WEIGHT, Rows, train, values_of
from mtframework.testing.model_clauses import (
    check_compiles,
    check_half_precision,
    check_saves,
    check_trains,
    fit_both_ways,
)
from mtframework.testing.task_case import TaskCase

TAKEN_METRICS = ("loss", "share", "total", "weight")
"""What the model reports of every task by itself."""


def check_shapes(case: TaskCase) -> None:
    """Losses and labels for metrics are one number a row, and so is each of the scores."""
    fix = "Return one number a row from example_losses and scores, for example with ops.squeeze."
    with case.clause("shapes", fix) as clause:
        made = case.model()
        for num_rows in (NUM_ROWS, 1):
            observed = made.observe(_first(made.rows(), num_rows))
            of_parts = observed.scores if isinstance(observed.scores, Mapping) else {}
            shaped = {
                "example_losses": observed.losses,
                **({f'scores["{part}"]': each for part, each in of_parts.items()}),
                "metric_labels": observed.metric_labels,
            }
            if not of_parts:
                shaped |= {"scores": observed.scores, "what the metrics read": observed.measured}
            for name, tensor in shaped.items():
                if tensor is None:
                    continue
                shape = tuple(tensor.shape)
                clause.require(
                    shape == (num_rows,),
                    f"{name} of a batch of {num_rows} has the shape {shape}.",
                    f"({num_rows},).",
                )
            for tensor in keras.tree.flatten(observed.predictions):
                shape = tuple(tensor.shape)
                clause.require(
                    shape[:1] == (num_rows,),
                    f"A prediction for a batch of {num_rows} has the shape {shape}.",
                    f"{num_rows} as its first axis.",
                    "Return one row of predictions for each row of the batch from call.",
                )


def check_rows(case: TaskCase) -> None:
    """A row's prediction, and its loss unless it compares rows, is its own alone."""
    fix = (
        "Return the losses unreduced, the model takes the mean; where a loss is meant to compare "
        "rows, call check_task(..., compares_rows=True)."
    )
    with case.clause("rows", fix) as clause:
        made = case.model()
        rows = made.rows()
        all_rows, some = made.observe(rows), made.observe(_first(rows, 9))
        predicted = zip(
            keras.tree.flatten(all_rows.predictions),
            keras.tree.flatten(some.predictions),
            strict=True,
        )
        for together, apart in predicted:
            clause.require_close(
                "The prediction of a row in a batch of 9",
                apart,
                together[:9],
                f"that of the same row in a batch of {NUM_ROWS}",
                "Compute each row's prediction from that row alone.",
            )
        losses = numbers(all_rows.losses)
        clause.require(
            len(np.unique(losses)) > 1,
            f"All {NUM_ROWS} rows of a batch have the loss {losses[0]:.4g}.",
            "A loss of its own for each row.",
        )
        if not case.compares_rows:
            clause.require_close(
                "The loss of a row in a batch of 9",
                some.losses,
                all_rows.losses[:9],
                f"that of the same row in a batch of {NUM_ROWS}",
            )


def check_metrics(case: TaskCase) -> None:
    """Metrics are new each time, with names of their own."""
    with case.clause("metrics", "Return a list of new Keras metrics from make_metrics.") as clause:
        task = case.make()
        metrics, others = task.make_metrics(), task.make_metrics()
        for metric in metrics:
            clause.require(
                isinstance(metric, keras.metrics.Metric),
                f"make_metrics gives {metric!r}.",
                "Objects of keras.metrics.Metric.",
            )
        clause.require(
            not {id(each) for each in metrics} & {id(each) for each in others},
            "make_metrics gives the same metric twice.",
            "New metrics at each call.",
        )
        names = [metric.name for metric in metrics]
        bad = [name for name in names if names.count(name) > 1 or name in TAKEN_METRICS]
        clause.require(
            not bad,
            f'A metric is named "{bad[0] if bad else ""}", which another one is as well.',
            f"Names that differ, and none of {', '.join(TAKEN_METRICS)}.",
            "Give the metric another name=.",
        )


def check_missing_labels(case: TaskCase) -> None:
    """Rows without a label do not count, and spoil nothing."""
    fix = (
        "Set label_placeholder to a value whose loss and gradient are finite, and leave what "
        "valid_rows of Task excludes excluded."
    )
    label = case.make().label
    if label is None:
        return
    with case.clause("missing labels", fix) as clause:
        made = case.model()
        rows = made.rows()
        missing = np.arange(NUM_ROWS) % 2 == 0
        some = _with(rows, label, np.where(missing, np.float32(np.nan), rows[label]))
        loss = made.observe(some).loss
        clause.require_finite("The loss of a batch where half of the labels are NaN", loss)
        if not case.compares_rows:
            alone = made.observe({name: column[~missing] for name, column in rows.items()})
            clause.require_close(
                "The loss of a batch where half of the labels are missing",
                loss,
                alone.loss,
                "that of the other half alone",
            )
        not_known = np.float32(np.min(rows[label]) - 7.0)
        made.task.missing_label = float(not_known)
        declared = made.observe(_with(rows, label, np.where(missing, not_known, rows[label])))
        clause.require_close(
            "The loss of a batch with labels of the value missing_label",
            declared.loss,
            loss,
            "that with NaN in their place",
        )
        train(made.model, some)
        for variable in made.model.trainable_variables:
            clause.require_finite(f"After a step with missing labels, {variable.path}", variable)


def check_empty_batch(case: TaskCase) -> None:
    """A batch in which no row counts changes nothing; a batch may have no rows."""
    fix = "Change nothing in call, and add no losses or penalties beside example_losses."
    with case.clause("empty batch", fix) as clause:
        made = case.model()
        rows = made.rows()
        nothing = made.observe(_first(rows, 0))
        shape = tuple(nothing.losses.shape)
        clause.require(
            shape == (0,) and nothing.loss == 0.0,
            f"Of no rows, example_losses has the shape {shape}, and the loss is {nothing.loss}.",
            "The shape (0,), and a loss of 0.",
            "Do not divide by the number of rows, nor reshape to a fixed one.",
        )
        if made.task.label is not None:
            rows = _with(rows, made.task.label, np.full(NUM_ROWS, np.nan, "float32"))
        else:
            made.task.sample_weight = WEIGHT
            rows = _with(rows, WEIGHT, np.zeros(NUM_ROWS, "float32"))
        made.companion.loss_weight = 1.0
        before = values_of(made.task.weights)
        train(made.model, rows)
        for variable, old in zip(made.task.weights, before, strict=True):
            clause.require(
                np.array_equal(values_of([variable])[0], old),
                f"{variable.path} changed in a step in which no row counts.",
                "Weights that stay as they are.",
            )
        for variable in made.model.trainable_variables:
            clause.require_finite(f"After a step in which no row counts, {variable.path}", variable)


def check_gradients(case: TaskCase) -> None:
    """Every weight of the task, and every tower that it reads, learns."""
    with case.clause(
        "gradients", "Use every weight in call, and no operation that has no gradient."
    ) as clause:
        made = case.model()
        read = made.task.reads(tuple(made.model.towers))
        learning = [
            *made.task.trainable_variables,
            *(v for name in read for v in made.model.towers[name].trainable_variables),
        ]
        check_trains(clause, made.model, made.data, learning)


def check_sample_weights(case: TaskCase) -> None:
    """The model weights the rows, and the task does not."""
    fix = "Do not multiply with the rows' weights: the model does."
    with case.clause("sample weights", fix) as clause:
        made = case.model()
        rows = made.rows()
        plain = made.observe(rows).losses
        made.task.sample_weight = WEIGHT
        weighted = made.observe(rows).losses
        doubled = made.observe(_with(rows, WEIGHT, 2 * rows[WEIGHT])).losses
        clause.require_close(
            "example_losses of rows whose weights are doubled", doubled, weighted, "the one before"
        )
        if not case.compares_rows:
            clause.require_close("example_losses of weighted rows", weighted, plain, "that without")


def check_saving(case: TaskCase) -> None:
    """A saved model predicts the same when it is loaded."""
    fix = "Keep what the task learns in weights, made by add_weight in build."
    with case.clause("saving", fix) as clause:
        made = case.model()
        check_saves(clause, made.model, made.data)


def check_precision(case: TaskCase) -> None:
    """In half precision the losses are in float32, and everything is finite."""
    fix = 'Compute losses and scores in float32: ops.cast(predictions, "float32").'
    with case.clause("half precision", fix) as clause:

        def losses_and_scores():
            made = case.model()
            observed = made.observe(made.rows())
            scores = [("scores", each) for each in keras.tree.flatten(observed.scores)]
            for name, tensor in (("example_losses", observed.losses), *scores):
                clause.require_finite(f"Under {keras.config.dtype_policy().name}, {name}", tensor)
            dtype = keras.backend.standardize_dtype(observed.losses.dtype)
            clause.require(
                dtype == "float32",
                f"example_losses is {dtype} under {keras.config.dtype_policy().name}.",
                "float32.",
            )
            return made.model, made.data

        check_half_precision(clause, losses_and_scores)


def check_compilation(case: TaskCase) -> None:
    """A training step compiles, and is compiled once for batches of one shape."""
    with case.clause(
        "compilation", "Use keras.ops on tensors, no Python numbers made of them, and fixed shapes."
    ) as clause:
        made = case.model()
        fit = fit_both_ways(made.model, made.data)
        check_compiles(clause, made.model, fit, made.task, "example_losses")


CLAUSES = {
    "shapes": check_shapes,
    "rows": check_rows,
    "metrics": check_metrics,
    "compilation": check_compilation,
    "missing labels": check_missing_labels,
    "empty batch": check_empty_batch,
    "gradients": check_gradients,
    "sample weights": check_sample_weights,
    "saving": check_saving,
    "half precision": check_precision,
}


def _first(rows: Rows, number: int) -> Rows:
    return {name: column[:number] for name, column in rows.items()}


def _with(rows: Rows, name: str, column: np.ndarray) -> Rows:
    return {**rows, name: column}
