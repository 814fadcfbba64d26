"""The clauses of a sharing layer's contract, one function each."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from mtframework.sharing.sharing import Sharing
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import example_model, policy
from mtframework.testing.model_clauses import (
    POLICIES,
    check_compiles,
    check_half_precision,
    check_saves,
    check_trains,
    fit_both_ways,
)

Make = Callable[[], Sharing]
TASKS = ("rating", "watch", "click")
UNITS = 5


def check_shapes(make: Make) -> None:
    """Each task that is asked for gets one representation a row."""
    fix = "Return {task: [batch, output_units]} from represent, for the tasks that it is asked for"
    with Clause.of("shapes", make, f"{fix}.") as clause:
        for tasks, asked in ((TASKS, TASKS), (TASKS, TASKS[1:]), (TASKS[:1], TASKS[:1])):
            layer = _built(make, tasks)
            for num_rows in (4, 0):
                outputs = layer(dict.fromkeys(asked, _representation(num_rows)))
                shapes = {task: tuple(output.shape) for task, output in outputs.items()}
                expected = dict.fromkeys(asked, (num_rows, layer.output_units))
                clause.require(shapes == expected, f"The outputs are {shapes}.", f"{expected}.")


def check_rows(make: Make) -> None:
    """A row's representations are its own alone."""
    fix = "Compute each row's representation from that row alone, where training is False."
    with Clause.of("rows", make, fix) as clause:
        layer, x = _built(make, TASKS), _representation(9)
        together, apart = layer(dict.fromkeys(TASKS, x)), layer(dict.fromkeys(TASKS, x[:4]))
        for task in TASKS:
            clause.require_close(
                f'What the task "{task}" gets of a row in a batch of 4',
                apart[task],
                together[task][:4],
                "that of the same row in a batch of 9",
            )


def check_copies(make: Make) -> None:
    """A task gets the same of one tensor for all tasks as of a copy of its own."""
    fix = "Let what a task gets depend on the representation that it is given, and not on which "
    with Clause.of("copies", make, f"{fix}tasks are asked for with it.") as clause:
        layer, x = _built(make, TASKS), _representation(9)
        shared = layer(dict.fromkeys(TASKS, x))
        copied = layer({task: ops.convert_to_tensor(ops.convert_to_numpy(x)) for task in TASKS})
        for task in TASKS:
            clause.require_close(
                f'What the task "{task}" gets of a copy of its own',
                copied[task],
                shared[task],
                "that of one tensor for all tasks",
            )


def check_gradients(make: Make) -> None:
    """Every weight, and every tower, learns."""
    fix = "Use every weight in represent, and no operation that has no gradient."
    with Clause.of("gradients", make, fix) as clause:
        layer = make()
        model, data = example_model(TASKS, sharing=layer)
        towers = [v for tower in model.towers.values() for v in tower.trainable_variables]
        check_trains(clause, model, data, [*layer.trainable_variables, *towers])


def check_saving(make: Make) -> None:
    """A saved model predicts the same when it is loaded."""
    fix = "Make every weight in build, by add_weight or in a layer that build builds."
    with Clause.of("saving", make, fix) as clause:
        check_saves(clause, *example_model(TASKS, sharing=make()))


def check_precision(make: Make) -> None:
    """In half precision outputs keep their dtype, and everything is finite."""
    fix = "Compute in the dtype of the representation: make constants with its dtype."
    with Clause.of("half precision", make, fix) as clause:
        for name in POLICIES:
            with policy(name):
                layer = _built(make, TASKS)
                outputs = layer(dict.fromkeys(TASKS, _representation(4)))
            for task, output in outputs.items():
                dtype = keras.backend.standardize_dtype(output.dtype)
                clause.require(
                    dtype == layer.compute_dtype,
                    f'The task "{task}" gets {dtype} under {name}.',
                    f"{layer.compute_dtype}.",
                )
                clause.require_finite(f'Under {name}, what the task "{task}" gets', output)
        check_half_precision(clause, lambda: example_model(TASKS, sharing=make()))


def check_compilation(make: Make) -> None:
    """A training step compiles, and is compiled once for batches of one shape."""
    fix = "Use keras.ops on tensors, no Python numbers made of them, and fixed shapes."
    with Clause.of("compilation", make, fix) as clause:
        layer = make()
        model, data = example_model(TASKS, sharing=layer)
        check_compiles(clause, model, fit_both_ways(model, data), layer, "represent")


CLAUSES = {
    "shapes": check_shapes,
    "rows": check_rows,
    "copies": check_copies,
    "compilation": check_compilation,
    "gradients": check_gradients,
    "saving": check_saving,
    "half precision": check_precision,
}


def _built(make, tasks: Sequence[str]) -> Sharing:
    layer = make()
    layer.build(dict.fromkeys(tasks, (None, UNITS)))
    return layer


def _representation(num_rows: int):
    draw = np.random.default_rng(0)
    return ops.convert_to_tensor(draw.normal(size=(num_rows, UNITS)).astype("float32"))
