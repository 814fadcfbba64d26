"""What is said where a part breaks a clause of its contract."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from mtframework.errors import ContractError, MtframeworkError


@dataclass(frozen=True)
class Clause:
    """A block of checks under one name; what the part raises in it breaks the clause as well.

    Args:
        name: The clause's name.
        part: The name of the part's class.
        fix: What to do about an error that the part raises.

    Example:

    >>> with Clause("shapes", "MyTask", fix="Return one number a row.") as clause:
    ...     clause.require(2 + 2 == 5, "4 losses for 5 rows.", "5 losses.")
    Traceback (most recent call last):
        ...
    mtframework.errors.ContractError: MyTask breaks the clause "shapes": 4 losses for 5 rows.
      expected: 5 losses.
      fix: Return one number a row.
    """

    name: str
    part: str
    fix: str

    @classmethod
    def of(cls, name: str, make: Callable[[], Any], fix: str) -> "Clause":
        """Returns a clause of the part that `make` makes."""
        return cls(name, type(make()).__name__, fix)

    def __enter__(self) -> "Clause":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if isinstance(error, ContractError) or not isinstance(error, Exception):
            return
        if isinstance(error, MtframeworkError):
            raise self._broken(error.found, error.expected, error.fix) from error
        text = str(error).strip().split("\n")[0]
        raise self._broken(f"{type(error).__name__}: {text}", "No error.", self.fix) from error

    def require(self, holds: Any, found: str, expected: str, fix: str | None = None) -> None:
        """Raises a `ContractError` unless it holds."""
        if not holds:
            raise self._broken(found, expected, fix or self.fix)

    def require_finite(self, what: str, tensor: Any, fix: str | None = None) -> np.ndarray:
        """Returns the tensor as a NumPy array, and raises where it holds NaN or an infinity."""
        array = numbers(tensor)
        bad = int((~np.isfinite(array)).sum())
        self.require(
            not bad,
            f"{what} holds NaN or an infinity in {bad} of {array.size} places.",
            "Finite numbers.",
            fix,
        )
        return array

    def require_close(
        self, what: str, found: Any, expected: Any, of: str, fix: str | None = None
    ) -> None:
        """Raises where two arrays differ by more than float32 arithmetic explains."""
        found, expected = numbers(found), numbers(expected)
        scale = float(np.abs(expected).max(initial=0.0))
        same = found.shape == expected.shape and np.allclose(
            found, expected, rtol=1e-3, atol=1e-4 * max(scale, 1e-3), equal_nan=True
        )
        apart = math.nan
        if found.shape == expected.shape:
            apart = float(np.abs(found - expected).max(initial=0.0))
        self.require(
            same,
            f"{what} differs from {of} by up to {apart:.3g}, in shapes {found.shape} and "
            f"{expected.shape}.",
            "The same numbers.",
            fix,
        )

    def _broken(self, found: str, expected: str, fix: str) -> ContractError:
        return ContractError(f'{self.part} breaks the clause "{self.name}": {found}', expected, fix)


def numbers(tensor: Any) -> np.ndarray:
    """Returns a tensor of any dtype as a float64 array."""
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")), "float64")
