"""The contract of a metric, as a test."""

from collections.abc import Callable, Sequence

import keras

from mtframework.errors import ModelError
from mtframework.registry import METRICS
from mtframework.testing import metric_clauses
from mtframework.testing.kit import Kit

KIT = Kit("check_metric", METRICS, keras.metrics.Metric, metric_clauses.CLAUSES)


def check_metric(
    make: Callable[[], keras.metrics.Metric],
    labels: Sequence[float] = (0.0, 1.0),
    every_backend: bool = False,
    clause: str | None = None,
) -> None:
    """Checks that a metric of one number a row keeps its contract.

    The clauses, in this order: registration, configuration, direction, name, shapes, reset, rows
    (their order and their batches do not matter), weights, exact, compilation, saving. A metric
    that declares `reads_queries` is not updated with batches: of it, registration, configuration,
    direction, name and exact.

    Args:
        make: What makes a new metric each time it is called.
        labels: Values that a label can have, two or more different ones. Scores are drawn from
            the smallest to the largest.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The metric breaks clauses; the message says which and how to fix them.
        ModelError: There are fewer than two different labels.

    Example:

    >>> from mtframework.testing import check_metric
    >>> from mtframework.metrics.of_numbers import RootMeanSquaredError
    >>> check_metric(RootMeanSquaredError, labels=[1, 3, 5])
    """
    values = tuple(map(float, labels))
    if len(set(values)) < 2:
        raise ModelError(
            f"The check was given the labels {values}.",
            "Two different ones or more.",
            "Add a value that a label can have.",
        )
    arguments = {"labels": list(values)} if every_backend else None
    KIT.run(make, (make, values), clause, arguments)
