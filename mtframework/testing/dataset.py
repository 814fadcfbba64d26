"""The contract of a data set, as a test."""

from collections.abc import Callable

from mtframework.data.dataset import DatasetSource
from mtframework.registry import DATASETS
from mtframework.testing import dataset_clauses
from mtframework.testing.kit import Kit

KIT = Kit("check_dataset", DATASETS, DatasetSource, dataset_clauses.CLAUSES)


def check_dataset(
    make: Callable[[], DatasetSource], repeats: bool = False, clause: str | None = None
) -> None:
    """Checks that a data set keeps its contract; it is loaded a few times.

    The clauses, in this order: registration, schema, loading, splits, catalogue, vocabularies,
    labels, repeatable, fingerprint.

    Args:
        make: What makes a new source each time it is called.
        repeats: Whether one row may be in two splits, since an event happens twice.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The data set breaks clauses; the message says which and how to fix them.

    Example:

    >>> from mtframework.testing import check_dataset
    >>> check_dataset(lambda: mtf.SyntheticShop(num_customers=20, num_products=50))
    """
    KIT.run(make, (make, repeats), clause)
