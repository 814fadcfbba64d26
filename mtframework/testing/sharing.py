"""The contract of a sharing layer, as a test."""

from collections.abc import Callable

from mtframework.registry import SHARING
from mtframework.sharing.sharing import Sharing
from mtframework.testing import sharing_clauses
from mtframework.testing.kit import Kit

KIT = Kit("check_sharing", SHARING, Sharing, sharing_clauses.CLAUSES)


def check_sharing(
    make: Callable[[], Sharing], every_backend: bool = False, clause: str | None = None
) -> None:
    """Checks that a sharing layer keeps its contract.

    The clauses, in this order: registration, configuration, shapes, rows, copies, compilation,
    gradients, saving, half precision.

    Args:
        make: What makes a new layer each time it is called.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The layer breaks clauses; the message says which and how to fix them.

    Example:

    >>> from mtframework.testing import check_sharing
    >>> from mtframework.sharing.mmoe import MMoE
    >>> check_sharing(lambda: MMoE(num_experts=2, expert_units=[4]), clause="rows")
    """
    KIT.run(make, (make,), clause, {} if every_backend else None)
