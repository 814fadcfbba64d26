"""A check as tests: an item of pytest for each clause."""

from collections.abc import Callable
from typing import Any

from mtframework.errors import ModelError, quoted_list
from mtframework.testing.kit import KITS, OTHER_BACKENDS


def each_clause(
    check: Callable[..., None], make: Callable[[], Any], **arguments: Any
) -> Callable[[str], None]:
    """Returns a test function that pytest runs once for each clause of a contract.

    So a part that breaks three clauses has three tests that fail, named after the clauses, such as
    `test_my_task[missing labels]`, and `pytest -k` picks some of them. Whatever the kind of part,
    the form is the same.

    Args:
        check: `check_task` or another check of `mtframework.testing`.
        make: What makes a new part each time it is called.
        **arguments: The check's other arguments. With `every_backend=True` there is one item more,
            for the other backends.

    Raises:
        ModelError: `check` is not a check of one kind of part.

    Example:

    >>> from mtframework.testing import check_task, each_clause
    >>> test_my_task = each_clause(check_task, lambda: mtf.Ranking("rating", label="stars"))
    >>> test_my_task("registration")
    """
    import pytest  # which only whoever writes tests needs

    name = getattr(check, "__name__", repr(check))
    if name not in KITS:
        raise ModelError(
            f"each_clause was given {name}.",
            f"One of {quoted_list(KITS)}.",
            "Give it the check of the part's kind.",
        )
    clauses = list(KITS[name].names)
    if arguments.get("every_backend"):
        clauses.append(OTHER_BACKENDS)

    @pytest.mark.parametrize("clause", clauses)
    def test(clause: str) -> None:
        check(make, **arguments, clause=clause)

    return test
