"""The contract of a task, as a test."""

from collections.abc import Callable, Sequence

from mtframework.registry import TASKS
from mtframework.tasks.task import Task
from mtframework.testing import task_clauses
from mtframework.testing.kit import Kit
from mtframework.testing.task_case import TaskCase

KIT = Kit("check_task", TASKS, Task, task_clauses.CLAUSES)


def check_task(
    make: Callable[[], Task],
    labels: Sequence[float] | Sequence[str] = (0.0, 1.0),
    compares_rows: bool = False,
    query: str = "query",
    candidate: str = "candidate",
    every_backend: bool = False,
    clause: str | None = None,
) -> None:
    """Checks that a task keeps its contract.

    The clauses, in this order: registration, configuration, shapes, rows (no reduction), metrics,
    compilation, missing labels, empty batch, gradients, sample weights, saving, half precision.
    Compilation comes before what trains, since JAX compiles whatever it differentiates.

    Args:
        make: What makes a new task each time it is called.
        labels: Values that the task's label can have, two or more, texts where it is categorical;
            without any meaning for a task that has no label.
        compares_rows: Whether the loss of a row depends on the other rows of the batch, as those of
            retrieval and of ranking by pairs do.
        query: The tower of queries, where the task names one.
        candidate: The tower of candidates, where the task names one.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The task breaks clauses; the message says which and how to fix them.

    Example:

    >>> from mtframework.testing import check_task
    >>> check_task(lambda: mtf.Ranking("rating", label="stars", hidden_units=[4]), labels=[1, 3, 5])
    """
    values = tuple(each if isinstance(each, str) else float(each) for each in labels)
    case = TaskCase(make, values, compares_rows, query, candidate)
    arguments = {
        "labels": list(case.labels),
        "compares_rows": compares_rows,
        "query": query,
        "candidate": candidate,
    }
    KIT.run(make, (case,), clause, arguments if every_backend else None)
