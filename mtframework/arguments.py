"""Checks of the arguments of parts: a value is returned, or refused by one error.

Whoever writes a part uses them for its arguments, so that a wrong one is refused in the same words
everywhere.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

from mtframework.errors import ModelError, did_you_mean, quoted_list


def wrong_argument(
    owner: str,
    argument: str,
    value: object,
    expected: str,
    fix: str | None = None,
    place: str | None = None,
) -> ModelError:
    """Returns the error for an argument that is not what it should be.

    Args:
        owner: Whose argument it is, as the subject of a sentence.
        argument: Its name.
        value: What it was given.
        expected: One sentence that says what would have been right.
        fix: One sentence that says what to do; None to correct the argument.
        place: What stands before the argument's name in Gin, such as `"rating/Ranking"`.

    >>> print(wrong_argument("MyBalancer", "decay", -1, "A number of at least 0."))
    MyBalancer has decay = -1.
      expected: A number of at least 0.
      fix: Correct decay.
    """
    fix = fix or f"Correct {f'{place}.' if place else ''}{argument}."
    return ModelError(f"{owner} has {argument} = {value!r}.", expected, fix)


def check_sizes(owner: str, argument: str, sizes: Sequence[int], needed: bool) -> tuple[int, ...]:
    """Returns a list of sizes, of layers or top-k lists, as a tuple.

    Raises:
        ModelError: They are no list of whole numbers of at least 1, or `needed` and there is none.
    """
    if not isinstance(sizes, Sequence) or isinstance(sizes, str):
        fix = f"Write {argument} = [64]."
        raise wrong_argument(owner, argument, sizes, "A list of whole numbers.", fix)
    if needed and not sizes:
        fix = f"Write {argument} = [64], or leave it out for the default."
        raise wrong_argument(owner, argument, sizes, "At least one number.", fix)
    if not all(is_whole_number(size) and size >= 1 for size in sizes):
        raise wrong_argument(owner, argument, sizes, "Whole numbers of at least 1.")
    return tuple(sizes)


def check_count(owner: str, argument: str, count: int, fix: str | None = None) -> int:
    """Returns the count.

    Raises:
        ModelError: It is not a whole number of at least 1.
    """
    if not is_whole_number(count) or count < 1:
        fix = fix or f"Correct {argument}, or leave it out for the default."
        raise wrong_argument(owner, argument, count, "A whole number of at least 1.", fix)
    return count


def check_share(owner: str, argument: str, share: float, below_one: bool) -> float:
    """Returns the number.

    Raises:
        ModelError: It is not from 0 to 1, or is 1 where it must stay below.
    """
    if isinstance(share, (bool, str)) or not 0 <= share <= 1 or (below_one and share == 1):
        expected = f"A number from 0 to {'below 1' if below_one else '1'}."
        fix = f"Correct {argument}, or leave it out for the default."
        raise wrong_argument(owner, argument, share, expected, fix)
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
        raise wrong_argument(owner, argument, value, expected)
    return value


def check_ids_given(argument: str, ids: Any) -> None:
    """Raises a `ModelError` where the ids that a loss needs are None."""
    if ids is None:
        raise ModelError(
            f"{argument} is missing.",
            f"{argument}, [batch] ints, which tells which rows are equal.",
            f"Pass {argument}, or remove nothing by it.",
        )


def check_rows(**arrays: Any) -> None:
    """Raises a `ModelError` where arrays that are not None differ in their first dimension."""
    lengths = {name: each.shape[0] for name, each in arrays.items() if each is not None}
    if len({length for length in lengths.values() if length is not None}) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ModelError(
            f"The arguments have different numbers of rows: {found}.",
            "One row for each query.",
            "Pass the columns of the same batch; candidates beyond it are `extra` negatives.",
        )


def is_whole_number(value: object) -> TypeGuard[int]:
    """Returns whether a value is an integer, and not True or False."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_finite_number(value: object) -> TypeGuard[float]:
    """Returns whether a value is a number, and neither infinite nor NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value)
