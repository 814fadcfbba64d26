"""The contract of a gradient balancer, as a test."""

from collections.abc import Callable, Sequence

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.registry import GRADIENT_BALANCERS
from mtframework.testing.balanced_model import checked_names
from mtframework.testing.gradient_balancer_clauses import CLAUSES
from mtframework.testing.kit import Kit

KIT = Kit(
    "check_gradient_balancer",
    GRADIENT_BALANCERS,
    GradientBalancer,
    CLAUSES,
)


def check_gradient_balancer(
    make: Callable[[], GradientBalancer],
    task_names: Sequence[str] = ("rating", "watch"),
    every_backend: bool = False,
    clause: str | None = None,
) -> None:
    """Checks that a gradient balancer keeps its contract.

    The clauses, in this order: registration, configuration, shapes, absent tasks,
    compilation, gradients, saving, half precision.

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

    >>> from mtframework.testing import check_gradient_balancer
    >>> check_gradient_balancer(mtf.ProjectConflicting, clause="configuration")
    """
    names = checked_names(task_names)
    arguments = {"task_names": list(names)} if every_backend else None
    KIT.run(make, (make, names), clause, arguments)
