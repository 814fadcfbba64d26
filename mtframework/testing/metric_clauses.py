"""The clauses of a metric's contract, one function each."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from mtframework.metrics.by_name import higher_is_better
from mtframework.testing.clause import Clause, numbers

Make = Callable[[], keras.metrics.Metric]
NUM_ROWS = 24


def check_direction(make: Make, labels: Sequence[float]) -> None:
    """The class declares which way it is better."""
    fix = "Write higher_is_better = True or False in the body of the class."
    with Clause.of("direction", make, fix):
        higher_is_better(make())


def check_name(make: Make, labels: Sequence[float]) -> None:
    """It can be made from a name alone, as an experiment makes it, and has that name."""
    fix = "Take name in the constructor, give it to super().__init__, and give the rest defaults."
    with Clause.of("name", make, fix) as clause:
        name = type(make())(name="another_name").name
        clause.require(
            name == "another_name",
            f'Made with the name "another_name" it is called "{name}".',
            "The name that it was given.",
        )


def check_shapes(make: Make, labels: Sequence[float]) -> None:
    """The result is one finite number."""
    fix = "Return a scalar from result."
    with Clause.of("shapes", make, fix) as clause:
        result = make_updated(make, *example_rows(labels)).result()
        shape = np.shape(numbers(result))
        clause.require(shape == (), f"The result has the shape {shape}.", "().")
        clause.require_finite(f"The result of {NUM_ROWS} rows", result)


def check_reset(make: Make, labels: Sequence[float]) -> None:
    """After a reset nothing is left of the rows before."""
    fix = "Set every variable back in reset_state, and keep state in nothing but variables."
    with Clause.of("reset", make, fix) as clause:
        rows, scores = example_rows(labels)
        metric = make_updated(make, rows[::-1], scores)
        metric.reset_state()
        update(metric, rows, scores)
        clause.require_close(
            "The result after a reset",
            metric.result(),
            make_updated(make, rows, scores).result(),
            "that of a new metric",
        )


def check_rows(make: Make, labels: Sequence[float]) -> None:
    """Neither the order of rows nor how they are cut into batches matters."""
    fix = "Add up sums and counts of rows in update_state, and divide in result."
    with Clause.of("rows", make, fix) as clause:
        rows, scores = example_rows(labels)
        expected = make_updated(make, rows, scores).result()
        clause.require_close(
            "The result of the rows backwards",
            make_updated(make, rows[::-1], scores[::-1]).result(),
            expected,
            "that of the rows forwards",
        )
        cut = make_updated(make, rows[:5], scores[:5])
        update(cut, rows[5:], scores[5:])
        clause.require_close(
            "The result of a batch of 5 rows and one of the rest",
            cut.result(),
            expected,
            "that of one batch",
        )


def check_weights(make: Make, labels: Sequence[float]) -> None:
    """A row of weight 0 is none, and one of weight 2 is two."""
    fix = "Multiply what a row adds, to counts too, with its sample_weight."
    with Clause.of("weights", make, fix) as clause:
        rows, scores = example_rows(labels)
        weights = np.ones(NUM_ROWS, "float32")
        weights[::3] = 0.0
        clause.require_close(
            "The result with some weights of 0",
            make_updated(make, rows, scores, weights).result(),
            make_updated(make, rows[weights > 0], scores[weights > 0]).result(),
            "that without those rows",
        )
        weights[::3] = 2.0
        twice = np.repeat(np.arange(NUM_ROWS), weights.astype("int64"))
        clause.require_close(
            "The result with some weights of 2",
            make_updated(make, rows, scores, weights).result(),
            make_updated(make, rows[twice], scores[twice]).result(),
            "that with those rows twice",
        )


def check_exact(make: Make, labels: Sequence[float]) -> None:
    """Where the class has `exact`, it is one number, and the order of rows does not matter.

    A class that reads queries has it.
    """
    reads_queries = getattr(make(), "reads_queries", False)
    exact = getattr(make(), "exact", None)
    if exact is None and not reads_queries:
        return
    arguments = "labels, scores, queries" if reads_queries else "labels, scores"
    fix = f"Return a float from exact({arguments}), which has an array [num_rows] of each."
    with Clause.of("exact", make, fix) as clause:
        clause.require(exact, "It reads queries and has no exact.", f"exact({arguments}).")
        assert exact is not None
        columns = [*example_rows(labels), *([np.arange(NUM_ROWS) % 3 + 1] * reads_queries)]
        expected = exact(*columns)
        shape = np.shape(expected)
        clause.require(shape == (), f"exact returns the shape {shape}.", "().")
        clause.require_finite(f"exact of {NUM_ROWS} rows", expected)
        clause.require_close(
            "exact of the rows backwards",
            exact(*(column[::-1] for column in columns)),
            expected,
            "that of the rows forwards",
        )


def check_compilation(make: Make, labels: Sequence[float]) -> None:
    """Compiled, it gives what it gives row by row."""
    fix = "Use keras.ops on tensors, and no NumPy and no Python numbers made of them."
    with Clause.of("compilation", make, fix) as clause:
        rows, scores = example_rows(labels)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
        model.compile(loss="mse", metrics=[make()])
        found = model.evaluate(scores[:, None], rows[:, None], batch_size=8, verbose=0)
        clause.require_close(
            "The result of a compiled model",
            found[1],
            make_updated(make, rows, scores).result(),
            "that of the metric by itself",
        )


def check_saving(make: Make, labels: Sequence[float]) -> None:
    """What is made again from its configuration measures the same."""
    fix = "Keep every argument that changes the result in get_config."
    with Clause.of("saving", make, fix) as clause:
        metric = make()
        saved = keras.saving.serialize_keras_object(metric)
        again = keras.saving.deserialize_keras_object(saved)
        rows, scores = example_rows(labels)
        for each in (metric, again):
            update(each, rows, scores)
        clause.require_close(
            "What a loaded metric measures",
            again.result(),
            metric.result(),
            "what the saved one does",
        )


def _of_batches(check: Callable[[Make, Sequence[float]], None]):
    """Returns a check that passes a metric that reads queries, which batches do not update."""

    def checked(make: Make, labels: Sequence[float]) -> None:
        if not getattr(make(), "reads_queries", False):
            check(make, labels)

    return checked


CLAUSES = {
    "direction": check_direction,
    "name": check_name,
    "shapes": _of_batches(check_shapes),
    "reset": _of_batches(check_reset),
    "rows": _of_batches(check_rows),
    "weights": _of_batches(check_weights),
    "exact": check_exact,
    "compilation": _of_batches(check_compilation),
    "saving": _of_batches(check_saving),
}


def example_rows(labels: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels, each value among them, and scores that differ: `[NUM_ROWS]` float32 each."""
    draw = np.random.default_rng(0)
    rows = draw.permutation(np.resize(np.asarray(labels, "float32"), NUM_ROWS))
    scores = draw.uniform(min(labels), max(labels), NUM_ROWS).astype("float32")
    return rows, scores


def make_updated(make: Make, rows, scores, weights=None) -> keras.metrics.Metric:
    """Returns a new metric that has seen one batch."""
    metric = make()
    update(metric, rows, scores, weights)
    return metric


def update(metric: keras.metrics.Metric, rows, scores, weights=None) -> None:
    """Adds a batch as a model does: labels and scores `[batch, 1]`, weights `[batch]`."""
    metric.update_state(
        ops.convert_to_tensor(rows[:, None]),
        ops.convert_to_tensor(scores[:, None]),
        sample_weight=None if weights is None else ops.convert_to_tensor(weights),
    )
