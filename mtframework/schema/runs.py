"""Runs that stand one after another in one array."""

from collections.abc import Sequence

import numpy as np


def begins_of_runs(values: np.ndarray) -> np.ndarray:
    """Returns the place of the first of each run of equal values.

    >>> begins_of_runs(np.array([7, 7, 5, 7]))
    array([0, 2, 3])
    """
    return np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])


def offsets_of_runs(lengths: np.ndarray) -> np.ndarray:
    """Returns where each run begins and, behind that, where the last one ends.

    >>> offsets_of_runs(np.array([2, 0, 3]))
    array([0, 2, 2, 5])
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype("int64")


def places_of_runs(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the places of several runs, one after another.

    >>> places_of_runs(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    offsets = offsets_of_runs(lengths)
    return np.repeat(begins - offsets[:-1], lengths) + np.arange(offsets[-1])


def one_behind_another(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the rows of several arrays; those of several categories a row get one width.

    >>> one_behind_another([np.array([[1, 2]]), np.array([[3]])])
    array([[1, 2],
           [3, 0]])
    """
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    width = max(each.shape[1] for each in parts)
    return np.concatenate([np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in parts])
