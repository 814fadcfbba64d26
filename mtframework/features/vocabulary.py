"""Strings and integers to ids and back, in NumPy, outside any graph."""

from collections.abc import Iterable

import numpy as np

from mtframework.errors import DataError


class Vocabulary:
    """The ids of one categorical column.

    Id 0 is for every value that the vocabulary does not hold (out of vocabulary, `[UNK]`); the
    values have ids 1, 2, … in sorted order, as Keras's `StringLookup` numbers them when it is
    given a sorted list.

    Args:
        values: The known values, without duplicates, strings or integers. Integers are kept as
            their decimal strings, so that `42` and `"42"` are one value.

    Example:

    >>> vocabulary = Vocabulary.learn(["b", "a", "b"])
    >>> vocabulary.size
    3
    >>> vocabulary.ids(["b", "never seen"])
    array([2, 0], dtype=int32)
    >>> vocabulary.values([2, 0])
    array(['b', '[UNK]'], dtype='<U5')
    """

    UNKNOWN = "[UNK]"

    def __init__(self, values: Iterable):
        self._values = _strings(values)
        order = np.argsort(self._values, kind="stable")
        self._sorted = self._values[order]
        self._sorted_ids = (order + 1).astype("int32")
        repeated = self._sorted[:-1][self._sorted[1:] == self._sorted[:-1]]
        if repeated.size:
            raise DataError(
                f'A vocabulary was given the value "{repeated[0]}" twice.',
                "Values without duplicates.",
                "Use Vocabulary.learn, which removes duplicates, or remove them yourself.",
            )

    @classmethod
    def learn(cls, values: Iterable) -> "Vocabulary":
        """Returns the vocabulary of the distinct values, sorted as strings."""
        return cls(np.unique(_strings(values)))

    @property
    def size(self) -> int:
        """The number of ids: the known values and one for all others."""
        return len(self._values) + 1

    @property
    def known_values(self) -> np.ndarray:
        """The known values as strings, in the order of their ids: `[size - 1]`."""
        return self._values

    def ids(self, values: Iterable) -> np.ndarray:
        """Returns the ids of `values`, int32, of the same shape; 0 where unknown."""
        asked = _strings(values)
        if not len(self._sorted):
            return np.zeros(asked.shape, "int32")
        # One search a distinct value, and one gather a row.
        distinct, inverse = np.unique(asked, return_inverse=True)
        at = np.searchsorted(self._sorted, distinct).clip(max=len(self._sorted) - 1)
        found = self._sorted[at] == distinct
        ids = np.where(found, self._sorted_ids[at], np.int32(0)).astype("int32")
        return ids[inverse].reshape(asked.shape)

    def values(self, ids: Iterable[int]) -> np.ndarray:
        """Returns the strings of `ids`; `"[UNK]"` for 0.

        Raises:
            DataError: An id is negative or not below `size`.
        """
        asked = np.asarray(ids)
        if asked.size and (asked.min() < 0 or asked.max() >= self.size):
            raise DataError(
                f"A vocabulary of {self.size} ids was asked for id "
                f"{asked.min() if asked.min() < 0 else asked.max()}.",
                f"Ids from 0 to {self.size - 1}.",
                "Use ids that this vocabulary gave.",
            )
        return np.concatenate([[self.UNKNOWN], self._values])[asked]


def _strings(values: Iterable) -> np.ndarray:
    """Returns `values` as an array of str; bytes are decoded as UTF-8."""
    array = np.asarray(values)
    if array.dtype.kind == "U":
        return array
    if array.dtype.kind in "iu":
        return array.astype(str)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    if array.size == 0:
        return array.astype(str)
    if array.dtype.kind == "O":
        texts = [each.decode("utf-8") if isinstance(each, bytes) else each for each in array.flat]
        bad = next((each for each in texts if not isinstance(each, (str, int, np.integer))), None)
        if bad is None and not any(each is None for each in texts):
            return np.array([str(each) for each in texts]).reshape(array.shape)
        raise DataError(
            f"A categorical column holds {bad!r}, of type {type(bad).__name__}.",
            "Strings or integers.",
            "Fill missing categories with a string of your choice before training.",
        )
    raise DataError(
        f"A categorical column holds numbers of type {array.dtype}.",
        "Strings or integers.",
        "Declare the column numeric, or turn its values into strings.",
    )
