"""Whatever holds columns, as NumPy arrays by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtframework.errors import DataError


def columns_of(rows: Any) -> Mapping[str, Any]:
    """Returns columns by name of a mapping, or of a table of pandas, polars or PyArrow.

    A mapping stays as it is. Of a table, a missing number is NaN.

    Args:
        rows: What holds the columns.

    Raises:
        DataError: It is nothing that has columns by name.

    Example:

    >>> import pyarrow as pa
    >>> columns_of(pa.table({"user": ["ann", "bob"]}))["user"].tolist()
    ['ann', 'bob']
    """
    if isinstance(rows, Mapping):
        return rows
    names = getattr(rows, "column_names", None)  # PyArrow's; its tables iterate over columns
    names = list(getattr(rows, "columns", ()) if names is None else names)
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"Columns were expected from {type(rows).__name__}.",
            "A mapping {name: values}, or a table of pandas, polars or PyArrow.",
            "Write {'user_id': ['42']}.",
        )
    return {name: _values(rows[name]) for name in names}


def _values(column: Any) -> np.ndarray:
    kind = getattr(getattr(column, "dtype", None), "kind", None)
    is_nullable = hasattr(getattr(column, "dtype", None), "numpy_dtype")  # Int64, boolean: pandas
    if is_nullable and kind in ("i", "u", "f", "b") and column.isna().any():
        return column.to_numpy(dtype="float64", na_value=np.nan)
    if is_nullable and kind in ("i", "u", "f", "b"):
        return column.to_numpy(dtype=column.dtype.numpy_dtype)
    return np.asarray(column.to_numpy())
