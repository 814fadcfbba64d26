"""Checks of the arguments of parts: a value is returned, or refused by one error.

Whoever writes a part uses them for its arguments, so that a wrong one is refused in the same words
everywhere.
"""

import math
from collections.abc import Sequence
from typing import Any

from mtframework.errors import ModelError, did_you_mean, quoted_list


def check_sizes(owner: str, argument: str, sizes: Sequence[int], needed: bool) -> tuple[int, ...]:
    """Returns a list of sizes, of layers or top-k lists, as a tuple.

    Raises:
        ModelError: They are no list of whole numbers of at least 1, or `needed` and there is none.
    """
    if not isinstance(sizes, Sequence) or isinstance(sizes, str):
        _refuse(owner, argument, sizes, "A list of whole numbers.", f"Write {argument} = [64].")
    if needed and not sizes:
        _refuse(
            owner,
            argument,
            sizes,
            "At least one number.",
            f"Write {argument} = [64], or leave it out for the default.",
        )
    for size in sizes:
        if not _is_whole(size) or size < 1:
            _refuse(owner, argument, sizes, "Whole numbers of at least 1.", f"Correct {argument}.")
    return tuple(sizes)


def check_count(owner: str, argument: str, count: int, fix: str | None = None) -> int:
    """Returns the count.

    Raises:
        ModelError: It is not a whole number of at least 1.
    """
    if not _is_whole(count) or count < 1:
        fix = fix or f"Correct {argument}, or leave it out for the default."
        _refuse(owner, argument, count, "A whole number of at least 1.", fix)
    return count


def check_share(owner: str, argument: str, share: float, below_one: bool) -> float:
    """Returns the number.

    Raises:
        ModelError: It is not from 0 to 1, or is 1 where it must stay below.
    """
    if isinstance(share, (bool, str)) or not 0 <= share <= 1 or (below_one and share == 1):
        _refuse(
            owner,
            argument,
            share,
            f"A number from 0 to {'below 1' if below_one else '1'}.",
            f"Correct {argument}, or leave it out for the default.",
        )
    return float(share)


def check_range(
    owner: str,
    argument: str,
    value: float,
    low: float,
    inclusive: bool,
    high: float = math.inf,
    fix: str | None = None,
) -> float:
    """Returns the number.

    Raises:
        ModelError: It is not a finite number above `low`, or at it where `inclusive`, and up to
            `high`.

    Example:

    >>> check_range("MyBalancer", "decay", 0.5, 0, inclusive=True, high=1)
    0.5
    """
    above = is_finite_number(value) and (value > low or (inclusive and value == low))
    if not above or value > high:
        if high < math.inf:
            bounds = f"{'from' if inclusive else 'above'} {low:g} to {high:g}"
        else:
            bounds = f"{'of at least' if inclusive else 'above'} {low:g}"
        raise ModelError(
            f"The {argument} of {owner} is {value!r}.",
            f"A finite number {bounds}.",
            fix or f"Correct {argument}, or leave it out for the default.",
        )
    return value


def check_choice(owner: str, argument: str, value: Any, choices: Sequence[str]) -> str:
    """Returns the value.

    Raises:
        ModelError: It is not one of the choices.

    Example:

    >>> check_choice("MyTower", "combiner", "sum", ("concatenate", "sum"))
    'sum'
    """
    if not isinstance(value, str) or value not in choices:
        hint = did_you_mean(str(value), choices)
        expected = f"One of {quoted_list(choices)}.{hint}"
        _refuse(owner, argument, value, expected, f"Correct {argument}.")
    return value


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _refuse(owner: str, argument: str, value: Any, expected: str, fix: str):
    raise ModelError(f"{owner} has {argument} = {value!r}.", expected, fix)


def is_finite_number(value: object) -> bool:
    """Returns whether a value is a number, and neither infinite nor NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value)
