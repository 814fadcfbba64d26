"""The contract of a loss balancer, as a test."""

from collections.abc import Callable, Sequence

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import LOSS_BALANCERS
from mtframework.testing.balanced_model import checked_names
from mtframework.testing.kit import Kit
from mtframework.testing.loss_balancer_clauses import CLAUSES

KIT = Kit("check_loss_balancer", LOSS_BALANCERS, LossBalancer, CLAUSES)


def check_loss_balancer(
    make: Callable[[], LossBalancer],
    task_names: Sequence[str] = ("rating", "watch"),
    every_backend: bool = False,
    clause: str | None = None,
) -> None:
    """Checks that a loss balancer keeps its contract.

    The clauses, in this order: registration, configuration, shapes, compilation, weights,
    absent tasks, evaluation, saving, half precision.

    Args:
        make: What makes a new balancer each time it is called.
        task_names: The tasks to balance, two or more, where the balancer names them.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The balancer breaks clauses; the message says which and how to fix them.
        ModelError: There are fewer than two task names.

    Example:

    >>> from mtframework.testing import check_loss_balancer
    >>> check_loss_balancer(mtf.UncertaintyWeights, clause="configuration")
    """
    names = checked_names(task_names)
    arguments = {"task_names": list(names)} if every_backend else None
    KIT.run(make, (make, names), clause, arguments)
