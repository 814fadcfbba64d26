"""The contract of a tower, as a test."""

from collections.abc import Callable, Mapping
from typing import Literal

from mtframework.registry import TOWERS
from mtframework.testing import tower_clauses
from mtframework.testing.example_columns import KindOfColumn
from mtframework.testing.kit import Kit
from mtframework.testing.tower_case import TowerCase
from mtframework.towers.base_tower import BaseTower

KIT = Kit("check_tower", TOWERS, BaseTower, tower_clauses.CLAUSES)


def check_tower(
    make: Callable[[], BaseTower],
    kinds: Mapping[str, KindOfColumn] | None = None,
    describes: Literal["query", "candidate"] = "query",
    other_key: str | None = None,
    every_backend: bool = False,
    clause: str | None = None,
) -> None:
    """Checks that a tower keeps its contract.

    The clauses, in this order: registration, configuration, columns, adapt first, shapes, rows,
    unknown values, determinism, compilation, gradients, frozen, precompute, weights by id, saving,
    half precision. They are checked on small data with the columns that the tower reads.

    Args:
        make: What makes a new tower each time it is called.
        kinds: The kinds of its columns that are not categorical: `{"age": "numeric"}`.
        describes: Whom its columns describe; its key is the data's key of these.
        other_key: The data's other key, where the tower names it, as a `HistoryTower` does in
            `history`.
        every_backend: Whether to check on the other installed backends as well, each in a process
            of its own. `make` must then be a function or class at the top of a module.
        clause: The one clause to check; None for all of them. `each_clause` makes a test of each.

    Raises:
        ContractError: The tower breaks clauses; the message says which and how to fix them.

    Example:

    >>> from mtframework.testing import check_tower
    >>> make = lambda: mtf.Tower("reader", ["reader", "age"])
    >>> check_tower(make, kinds={"age": "numeric"}, clause="rows")
    """
    case = TowerCase(make, dict(kinds or {}), describes, other_key)
    arguments = {"kinds": case.kinds, "describes": describes, "other_key": other_key}
    KIT.run(make, (case,), clause, arguments if every_backend else None)
