"""The contract of a feature, as a test."""

from collections.abc import Callable, Sequence

from mtframework.features.feature import Feature
from mtframework.registry import FEATURES
from mtframework.testing import feature_clauses
from mtframework.testing.example_columns import NUMBERS
from mtframework.testing.feature_case import FeatureCase
from mtframework.testing.kit import Kit

KIT = Kit("check_feature", FEATURES, Feature, feature_clauses.CLAUSES)


def check_feature(
    make: Callable[[], Feature],
    numbers: Sequence[float] = NUMBERS,
    every_backend: bool = False,
    clause: str | None = None,
) -> None:
    """Checks that a feature keeps its contract, on each kind of column that it reads.

    The clauses, in this order: registration, configuration, reads, shapes, rows, unknown values,
    adapt, compilation, gradients, frozen, weights by id, saving, half precision.

    Args:
        make: What makes a new feature each time it is called.
        numbers: Numbers that a numeric column can hold, where not any will do.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The feature breaks clauses; the message says which and how to fix them.

    Example:

    >>> from mtframework.testing import check_feature
    >>> check_feature(lambda: mtf.Normalized("age"), numbers=[18, 44, 80], clause="rows")
    """
    case = FeatureCase(make, tuple(map(float, numbers)))
    arguments = {"numbers": list(case.numbers)} if every_backend else None
    KIT.run(make, (case,), clause, arguments)
