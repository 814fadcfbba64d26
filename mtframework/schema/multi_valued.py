"""Columns whose rows hold several categories."""

from collections.abc import Iterable

import numpy as np

from mtframework.errors import DataError
from mtframework.schema.texts import distinct_texts, text_array
from mtframework.schema.vocabulary import Vocabulary, as_strings

SEPARATOR = "|"


def learn_vocabulary(values: Iterable) -> Vocabulary:
    """Returns the vocabulary of all categories of all rows.

    >>> learn_vocabulary(["Comedy|Drama", "Drama", ""]).known_values.tolist()
    ['Comedy', 'Drama']
    """
    lists, _ = _distinct_lists(values)
    return Vocabulary.learn(text_array([each for row in lists for each in row]))


def ids_of_lists(values: Iterable, vocabulary: Vocabulary) -> np.ndarray:
    """Returns the ids of each row's categories, `[num_rows, width]` int32, 0 behind them.

    The width is that of the longest row, and at least 1. An unknown category has id 0 as well:
    it counts as none.

    Args:
        values: A text a row, with `|` between categories and empty where there is none, or a list
            of categories a row.
        vocabulary: Of the single categories.

    Raises:
        DataError: A row is neither a text nor a list of categories.

    Example:

    >>> vocabulary = Vocabulary(["Comedy", "Drama"])
    >>> ids_of_lists(["Drama|Comedy", "", "Comedy"], vocabulary)
    array([[2, 1],
           [0, 0],
           [1, 0]], dtype=int32)
    """
    lists, row_of = _distinct_lists(values)
    lengths = np.array([len(each) for each in lists], "int64")
    ids = np.zeros((len(lists), max(1, lengths.max(initial=0))), "int32")
    flat = text_array([each for row in lists for each in row])
    ids[np.arange(ids.shape[1]) < lengths[:, None]] = vocabulary.ids(flat)
    return ids[row_of]


def _distinct_lists(values: Iterable) -> tuple[list[list[str]], np.ndarray]:
    """Returns the lists of categories, and which of them each row has."""
    array = values if isinstance(values, np.ndarray) else np.asarray(list(values), dtype=object)
    if array.ndim == 1 and all(isinstance(each, str) for each in array):
        # Few combinations repeat often: each is split once.
        distinct, row_of = distinct_texts(array)
        return [_categories(text) for text in distinct.tolist()], row_of
    return [_categories(row) for row in array.tolist()], np.arange(len(array))


def _categories(row: object) -> list[str]:
    if isinstance(row, (str, bytes)):
        row = str(as_strings([row])[0]).split(SEPARATOR)
    categories = as_strings(row) if isinstance(row, (list, tuple, np.ndarray)) else None
    if categories is None or categories.ndim != 1:
        raise DataError(
            f"A categorical column holds {row!r}, of type {type(row).__name__}.",
            f"A text with {SEPARATOR} between its categories, or a list of them, in every row.",
            "Write an empty text where a row has no category.",
        )
    return [each for each in categories.tolist() if each]
