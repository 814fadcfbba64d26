"""Checks of the balancers' arguments."""

import math

from mtframework.errors import ModelError


def check_range(owner: str, argument: str, value: float, low: float, inclusive: bool) -> None:
    """Checks that an argument is a finite number above `low`, or at it where `inclusive`.

    Raises:
        ModelError: It is not.
    """
    if math.isfinite(value) and (value > low or (inclusive and value == low)):
        return
    raise ModelError(
        f"The {argument} of {owner} is {value}.",
        f"A finite number {'from' if inclusive else 'above'} {low:g}{' up' if inclusive else ''}.",
        f"Correct {argument}, or leave it out for the default.",
    )
