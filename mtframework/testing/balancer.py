"""The contracts of loss and gradient balancers, as a test."""

from collections.abc import Callable, Sequence

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.errors import ModelError
from mtframework.registry import GRADIENT_BALANCERS, LOSS_BALANCERS
from mtframework.testing import gradient_balancer_clauses, loss_balancer_clauses
from mtframework.testing.every_backend import check_other_backends
from mtframework.testing.registration import check_configuration, check_registration, make_checked


def check_balancer(
    make: Callable[[], LossBalancer | GradientBalancer],
    task_names: Sequence[str] = ("rating", "watch"),
    every_backend: bool = False,
) -> None:
    """Checks that a loss balancer or a gradient balancer keeps its contract.

    The clauses of both: registration, configuration, shapes, compilation, absent tasks, saving,
    half precision. Of a loss balancer also: weights, evaluation; of a gradient balancer: gradients.

    Args:
        make: What makes a new balancer each time it is called.
        task_names: The tasks to balance, two or more, where the balancer names them.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.

    Raises:
        ContractError: The balancer breaks a clause; the message says which and how to fix it.
        ModelError: There are fewer than two task names.

    Example:

    >>> from mtframework.testing import check_balancer
    >>> from mtframework import UncertaintyWeights
    >>> check_balancer(UncertaintyWeights)
    """
    names = tuple(task_names)
    if len(names) < 2:
        raise ModelError(
            f"The check was given the task names {names}.", "Two or more.", "Add a task."
        )
    part = make_checked(make, LossBalancer, GradientBalancer)
    weighs_losses = isinstance(part, LossBalancer)
    check_registration(part, LOSS_BALANCERS if weighs_losses else GRADIENT_BALANCERS)
    check_configuration(part)
    clauses = loss_balancer_clauses if weighs_losses else gradient_balancer_clauses
    for check in clauses.ALL:
        check(make, type(part).__name__, names)
    if every_backend:
        check_other_backends(check_balancer, make, {"task_names": list(names)})
