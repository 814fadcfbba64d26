"""Columns of vectors: so many numbers a row, computed elsewhere."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from mtframework.errors import DataError

_AROUND = re.compile(r"^\s*[\[(]?\s*|\s*[\])]?\s*$")
_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")


def vector_of(text: str) -> list[float] | None:
    """Returns the numbers of a text, None where one is no number.

    >>> vector_of("0.1 0.2"), vector_of("[1, -2.5]"), vector_of("0.1 red")
    ([0.1, 0.2], [1.0, -2.5], None)
    """
    inside = _AROUND.sub("", text)
    try:
        return [float(each) for each in _BETWEEN.split(inside)] if inside else []
    except ValueError:
        return None


def as_vectors(name: str, values: Iterable, size: int, of: str = "") -> np.ndarray:
    """Returns vectors, `[num_rows, size]` float32, and says what is none.

    Args:
        name: The column.
        values: An array `[num_rows, size]`; or of each row an array, a list, or a text such as
            `"0.1 0.2"` or `"[0.1, 0.2]"`.
        size: How many numbers a vector has.
        of: Of which rows, for the error.

    Raises:
        DataError: A vector is missing, has another size, or holds something that is no finite
            number.
    """
    array = np.asarray(values) if hasattr(values, "__array__") else None
    if array is None or array.dtype.kind not in "fiu" or array.ndim != 2:
        rows = list(values)
        parsed = [_numbers(each) for each in rows]
        bad = [place for place, each in enumerate(parsed) if each is None or len(each) != size]
        if bad:
            raise _wrong(name, rows[bad[0]], f"in row {bad[0]}{of}", size)
        array = np.array(parsed, "float64").reshape(-1, size)
    if array.shape[1] != size:
        raise DataError(
            f'The vectors "{name}"{of} have {array.shape[1]} numbers.',
            f"{size} numbers, as the column's size says.",
            "Correct the size of the column, or the vectors.",
        )
    with np.errstate(over="ignore"):
        vectors = array.astype("float32")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise _wrong(name, array[bad[0]].tolist(), f"in row {bad[0]}{of}", size)
    return vectors


def _numbers(value: Any) -> list[float] | None:
    if isinstance(value, str):
        return vector_of(value)
    try:
        array = np.asarray(value, "float64")
    except (TypeError, ValueError):
        return None
    return array.tolist() if array.ndim == 1 else None


def _wrong(name: str, value: Any, where: str, size: int) -> DataError:
    shown = repr(value)
    return DataError(
        f'The vector "{name}" is {shown[:60]}{"…" * (len(shown) > 60)} {where}.',
        f"{size} finite numbers, as an array, a list or a text such as '0.1 0.2'.",
        "Correct the vector, or leave the row out.",
    )
