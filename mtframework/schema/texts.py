"""Columns of texts: in NumPy without the width of the longest one, and as ids are compared."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SPARE_CHARACTERS = 1 << 22
"""So many more characters than the texts have may an array of one width take: 16 MiB."""


def text_array(texts: Sequence[str], rows: np.ndarray | None = None) -> np.ndarray:
    """Returns texts as an array: of one width where that is cheap, else of Python's strings.

    NumPy gives every text the width of the longest one: one of 10 kB would make a million rows
    take 40 GB.

    Args:
        texts: The texts.
        rows: Which of them each row has, `[num_rows]` ints; left out, each one once.

    Example:

    >>> text_array(["b", "a"], np.array([1, 0, 1])).tolist()
    ['a', 'b', 'a']
    >>> text_array(["a", "z" * 5_000_000], np.append(np.zeros(99, int), 1)).dtype
    dtype('O')
    """
    lengths = np.fromiter(map(len, texts), "int64", len(texts))
    counts = lengths if rows is None else lengths[rows]
    is_cheap = lengths.max(initial=1) * len(counts) <= 4 * counts.sum() + _SPARE_CHARACTERS
    if is_cheap:
        array = np.array(texts, dtype=str)
    else:
        array = np.empty(len(texts), object)
        array[:] = texts
    return array if rows is None else array[rows]


def distinct_texts(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct texts, sorted, and which of them each row has: `[num_rows]`.

    >>> distinct, rows = distinct_texts(np.array(["b", "a", "b"], object))
    >>> distinct.tolist(), rows.tolist()
    (['a', 'b'], [1, 0, 1])
    """
    if array.dtype != object:
        distinct, rows = np.unique(array, return_inverse=True)
        return distinct, rows.ravel()
    places: dict[str, int] = {}
    found = np.fromiter((places.setdefault(each, len(places)) for each in array.flat), "int64")
    texts = sorted(places)
    order = np.empty(len(texts), "int64")
    order[[places[each] for each in texts]] = np.arange(len(texts))
    return text_array(texts), order[found]


def normalized(array: pa.Array) -> pa.Array:
    """Returns texts as ids are compared: without white space around them, and in NFC.

    So `" i3"` after a comma is `"i3"`, and an accent is one letter, however it was typed.

    >>> normalized(pa.array([" i3", "e\\u0301"], pa.large_string())).to_pylist()
    ['i3', 'é']
    """
    if not len(array):
        return array
    return pc.utf8_normalize(pc.utf8_trim_whitespace(array), form="NFC")
