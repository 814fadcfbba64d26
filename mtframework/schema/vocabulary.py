"""Strings and integers to ids and back, in NumPy, outside any graph."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from mtframework.errors import DataError
from mtframework.schema.texts import distinct_texts, normalized, text_array


class Vocabulary:
    """The ids of one categorical column.

    Id 0 is for every value that the vocabulary does not hold (out of vocabulary, `[UNK]`); the
    values have ids 1, 2, … in sorted order, as Keras's `StringLookup` numbers them when it is
    given a sorted list. Values are compared without white space around them and in Unicode NFC.

    Args:
        values: The known values, without duplicates, strings or integers. Integers are kept as
            their decimal strings, so that `42` and `"42"` are one value. `"[UNK]"` is none.

    Raises:
        DataError: A value appears twice, is `"[UNK]"`, or is neither a string nor an integer.

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
        self._values = as_strings(values)
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
        if (self._values == self.UNKNOWN).any():
            raise DataError(
                f'A vocabulary was given the value "{self.UNKNOWN}", which stands for unknown.',
                "Values that are known.",
                "Use Vocabulary.learn, which leaves it out, or leave it out yourself.",
            )

    @classmethod
    def learn(cls, values: Iterable) -> "Vocabulary":
        """Returns the vocabulary of the distinct values, sorted as strings.

        `"[UNK]"` among them is left out, and has id 0 like everything unknown.
        """
        distinct, _ = distinct_texts(as_strings(values))
        plain = normalized_texts(distinct)
        if plain is not distinct:
            distinct, _ = distinct_texts(plain)
        return cls(distinct[distinct != cls.UNKNOWN])

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
        asked = as_strings(values)
        if not len(self._sorted):
            return np.zeros(asked.shape, "int32")
        # One search a distinct value, and one gather a row.
        distinct, inverse = distinct_texts(asked)
        ids = self._ids_of(distinct)
        unknown = np.flatnonzero(ids == 0)
        if len(unknown):  # perhaps by the way that they are written alone
            ids[unknown] = self._ids_of(normalized_texts(distinct[unknown]))
        return ids[inverse].reshape(asked.shape)

    def _ids_of(self, texts: np.ndarray) -> np.ndarray:
        at = np.searchsorted(self._sorted, texts).clip(max=len(self._sorted) - 1)
        found = self._sorted[at] == texts
        return np.where(found, self._sorted_ids[at], np.int32(0)).astype("int32")

    def values(self, ids: Iterable[int]) -> np.ndarray:
        """Returns the strings of `ids`, of the same shape; `"[UNK]"` for 0.

        Raises:
            DataError: An id is negative or not below `size`.
        """
        asked = np.asarray(ids)
        if not asked.size:
            return np.zeros(asked.shape, self._values.dtype)
        if asked.dtype.kind not in "iu":
            raise DataError(
                f"A vocabulary was asked for ids of type {asked.dtype}.",
                "Integers.",
                "Use ids that this vocabulary returned.",
            )
        if asked.min() < 0 or asked.max() >= self.size:
            raise DataError(
                f"A vocabulary of {self.size} ids was asked for id "
                f"{asked.min() if asked.min() < 0 else asked.max()}.",
                f"Ids from 0 to {self.size - 1}.",
                "Use ids that this vocabulary returned.",
            )
        if not len(self._values):
            return np.full(asked.shape, self.UNKNOWN)
        # A gather and no copy of the vocabulary, which may be far larger than what is asked.
        return np.where(asked == 0, self.UNKNOWN, self._values[np.maximum(asked, 1) - 1])[()]


def normalized_texts(texts: np.ndarray) -> np.ndarray:
    """Returns texts as ids are compared, of the same shape; see `texts.normalized`.

    Where all of them are written so already, that is the same array.

    Raises:
        DataError: A text holds half of a surrogate pair, which JSON can write and UTF-8 cannot.
    """
    try:
        written = pa.array(texts.ravel().tolist(), pa.large_string())
    except UnicodeEncodeError as error:
        raise DataError(
            f"A text, {error.object!a}, cannot be written as UTF-8.",
            "Whole characters.",
            "Correct the text where it comes from.",
        ) from error
    found = normalized(written)
    if found.equals(written):
        return texts
    return text_array(found.to_pylist()).reshape(texts.shape)


def as_strings(values: Iterable) -> np.ndarray:
    """Returns `values` as an array of str; bytes are decoded as UTF-8."""
    if hasattr(values, "__array__"):
        array = np.asarray(values)
    else:
        # As objects, since NumPy makes strings of all that stands beside a string, NaN included.
        once = isinstance(values, Iterable) and not isinstance(values, Sequence)
        array = np.asarray(list(values) if once else values, dtype=object)
    if array.dtype.kind == "U":
        return array
    if array.dtype.kind in "iu" or array.size == 0:
        return array.astype(str)
    if array.dtype.kind in "SOT":
        return text_array([_string(each) for each in array.flat]).reshape(array.shape)
    raise DataError(
        f"A categorical column holds values of type {array.dtype}.",
        "Strings or integers.",
        "Declare the column numeric, or turn its values into strings.",
    )


def _string(value: object) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"A categorical column holds {value!r}, which is not valid UTF-8.",
                "Bytes in UTF-8.",
                "Decode the column with its own encoding first.",
            ) from error
    if isinstance(value, (str, int, np.integer)) and not isinstance(value, bool):
        return str(value)
    raise DataError(
        f"A categorical column holds {value!r}, of type {type(value).__name__}.",
        "Strings or integers.",
        "Fill missing categories with a string of your choice before training.",
    )
