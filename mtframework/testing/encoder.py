"""The contract of an encoder, as a test."""

from collections.abc import Callable

from mtframework.registry import ENCODERS
from mtframework.testing import encoder_clauses
from mtframework.testing.kit import Kit
from mtframework.towers.encoders.encoder import Encoder

KIT = Kit("check_encoder", ENCODERS, Encoder, encoder_clauses.CLAUSES)


def check_encoder(
    make: Callable[[], Encoder], every_backend: bool = False, clause: str | None = None
) -> None:
    """Checks that an encoder of histories keeps its contract.

    The clauses, in this order: registration, configuration, shapes, causality (what comes out at an
    event depends on it and those before it in its own history), packing (alone, packed with others
    and with room behind it a history gives the same), and of a tower with it compilation,
    gradients, frozen, saving, half precision.

    Args:
        make: What makes a new encoder each time it is called. It is built for vectors of 8 numbers.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The encoder breaks clauses; the message says which and how to fix them.

    Example:

    >>> from mtframework.testing import check_encoder
    >>> from mtframework.towers.encoders.decayed_mean import DecayedMean
    >>> check_encoder(DecayedMean, clause="causality")
    """
    KIT.run(make, (make,), clause, {} if every_backend else None)
