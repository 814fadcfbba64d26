"""The contract of a sharing layer, as a test."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from mtframework.registry import SHARING
from mtframework.sharing.sharing import Sharing
from mtframework.testing.clause import Clause
from mtframework.testing.every_backend import check_other_backends
from mtframework.testing.example_model import example_model, policy
from mtframework.testing.model_clauses import (
    POLICIES,
    check_compiles,
    check_half_precision,
    check_saves,
    check_trains,
    fit_both_ways,
)
from mtframework.testing.registration import check_configuration, check_registration, make_checked

TASKS = ("rating", "watch", "click")
UNITS = 5


def check_sharing(make: Callable[[], Sharing], every_backend: bool = False) -> None:
    """Checks that a sharing layer keeps its contract.

    The clauses, in this order: registration, configuration, shapes, rows, copies, compilation,
    gradients, saving, half precision.

    Args:
        make: What makes a new layer each time it is called.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.

    Raises:
        ContractError: The layer breaks a clause; the message says which and how to fix it.

    Example:

    >>> from mtframework.testing import check_sharing
    >>> from mtframework.sharing.mmoe import MMoE
    >>> check_sharing(lambda: MMoE(num_experts=2, expert_units=[4]))
    """
    part = make_checked(make, Sharing)
    check_registration(part, SHARING)
    check_configuration(part)
    for check in (
        _check_shapes,
        _check_rows,
        _check_copies,
        _check_compilation,
        _check_gradients,
        _check_saving,
        _check_precision,
    ):
        check(make, type(part).__name__)
    if every_backend:
        check_other_backends(check_sharing, make, {})


def _check_shapes(make, part: str) -> None:
    fix = "Return {task: [batch, output_units]} from represent, for the tasks that it is asked for"
    with Clause("shapes", part, f"{fix}.") as clause:
        for tasks, asked in ((TASKS, TASKS), (TASKS, TASKS[1:]), (TASKS[:1], TASKS[:1])):
            layer = _built(make, tasks)
            for num_rows in (4, 0):
                outputs = layer(dict.fromkeys(asked, _representation(num_rows)))
                shapes = {task: tuple(output.shape) for task, output in outputs.items()}
                expected = dict.fromkeys(asked, (num_rows, layer.output_units))
                clause.require(shapes == expected, f"The outputs are {shapes}.", f"{expected}.")


def _check_rows(make, part: str) -> None:
    fix = "Compute each row's representation from that row alone, where training is False."
    with Clause("rows", part, fix) as clause:
        layer, x = _built(make, TASKS), _representation(9)
        together, apart = layer(dict.fromkeys(TASKS, x)), layer(dict.fromkeys(TASKS, x[:4]))
        for task in TASKS:
            clause.require_close(
                f'What the task "{task}" gets of a row in a batch of 4',
                apart[task],
                together[task][:4],
                "that of the same row in a batch of 9",
            )


def _check_copies(make, part: str) -> None:
    fix = "Let what a task gets depend on the representation that it is given, and not on which "
    with Clause("copies", part, f"{fix}tasks are asked for with it.") as clause:
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


def _check_gradients(make, part: str) -> None:
    fix = "Use every weight in represent, and no operation that has no gradient."
    with Clause("gradients", part, fix) as clause:
        layer = make()
        model, data = example_model(TASKS, sharing=layer)
        towers = [v for tower in model.towers.values() for v in tower.trainable_variables]
        check_trains(clause, model, data, [*layer.trainable_variables, *towers])


def _check_saving(make, part: str) -> None:
    fix = "Make every weight in build, by add_weight or in a layer that build builds."
    with Clause("saving", part, fix) as clause:
        check_saves(clause, *example_model(TASKS, sharing=make()))


def _check_precision(make, part: str) -> None:
    fix = "Compute in the dtype of the representation: make constants with its dtype."
    with Clause("half precision", part, fix) as clause:
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


def _check_compilation(make, part: str) -> None:
    fix = "Use keras.ops on tensors, no Python numbers made of them, and fixed shapes."
    with Clause("compilation", part, fix) as clause:
        layer = make()
        model, data = example_model(TASKS, sharing=layer)
        check_compiles(clause, model, fit_both_ways(model, data), layer, "represent")


def _built(make, tasks: Sequence[str]) -> Sharing:
    layer = make()
    layer.build(dict.fromkeys(tasks, (None, UNITS)))
    return layer


def _representation(num_rows: int):
    draw = np.random.default_rng(0)
    return ops.convert_to_tensor(draw.normal(size=(num_rows, UNITS)).astype("float32"))
