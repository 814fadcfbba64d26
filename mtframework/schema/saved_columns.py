"""Columns as entries of a NumPy archive, under a prefix, and whether what was read back fits."""

from collections.abc import Mapping
from typing import Any

import numpy as np

COLUMN = "column:"
"""What stands before the names of encoded columns."""


def entries_of(arrays: Mapping[str, np.ndarray], prefix: str = COLUMN) -> dict[str, np.ndarray]:
    """Returns arrays as the entries of an archive.

    >>> entries_of({"age": np.zeros(1)})
    {'column:age': array([0.])}
    """
    return {f"{prefix}{name}": values for name, values in arrays.items()}


def arrays_of(saved: Any, prefix: str = COLUMN) -> dict[str, np.ndarray]:
    """Returns the arrays that stand in an archive under a prefix, by name.

    Args:
        saved: What `numpy.load` returned.
        prefix: What `entries_of` put before the names.
    """
    names = [name for name in saved.files if name.startswith(prefix)]
    return {name.removeprefix(prefix): saved[name] for name in names}


def columns_with_unknown_ids(
    columns: Mapping[str, np.ndarray], num_ids: Mapping[str, int]
) -> list[str]:
    """Returns the categorical columns that hold an id beyond their vocabulary.

    >>> columns_with_unknown_ids({"city": np.array([0, 3]), "age": np.array([41.0])}, {"city": 3})
    ['city']
    """
    return [
        name
        for name, values in columns.items()
        if name in num_ids and values.size and not 0 <= values.min() <= values.max() < num_ids[name]
    ]
