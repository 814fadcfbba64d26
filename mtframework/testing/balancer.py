"""The contracts of loss and gradient balancers, as one test."""

from collections.abc import Callable, Sequence

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.testing.gradient_balancer import check_gradient_balancer
from mtframework.testing.loss_balancer import check_loss_balancer
from mtframework.testing.registration import make_checked


def check_balancer(
    make: Callable[[], LossBalancer | GradientBalancer],
    task_names: Sequence[str] = ("rating", "watch"),
    every_backend: bool = False,
) -> None:
    """Checks that a balancer of either kind keeps its contract.

    Is `check_loss_balancer` or `check_gradient_balancer`, whichever the balancer is.

    Args:
        make: What makes a new balancer each time it is called.
        task_names: The tasks to balance, two or more, where the balancer names them.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.

    Raises:
        ContractError: The balancer breaks clauses; the message says which and how to fix them.
        ModelError: There are fewer than two task names.

    Example:

    >>> from mtframework.testing import check_balancer
    >>> from mtframework import UncertaintyWeights
    >>> check_balancer(UncertaintyWeights)
    """
    part = make_checked(make, LossBalancer, GradientBalancer)
    check = check_loss_balancer if isinstance(part, LossBalancer) else check_gradient_balancer
    check(make, task_names, every_backend)
