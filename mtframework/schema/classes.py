"""Labels that are categories: texts of which some are missing."""

from collections.abc import Iterable

import numpy as np

from mtframework.schema.multi_valued import learn_vocabulary
from mtframework.schema.schema import Column
from mtframework.schema.texts import text_array
from mtframework.schema.vocabulary import Vocabulary, as_strings

MISSING = ""
"""A label that is not there; no class has this name."""


def texts_of(values: Iterable) -> np.ndarray:
    """Returns categories as texts, empty where None or NaN: `[num_rows]` str.

    >>> texts_of(["damaged", None, float("nan"), 3]).tolist()
    ['damaged', '', '', '3']
    """
    array = values if hasattr(values, "__array__") else np.array(list(values), dtype=object)
    array = np.asarray(array)
    if array.dtype.kind == "O":
        # NaN alone differs from itself.
        array = text_array(
            [MISSING if x is None or x != x else str(as_strings([x])[0]) for x in array.tolist()]
        )
    return as_strings(array)


def vocabulary_of(column: Column, parts: Iterable) -> Vocabulary:
    """Returns the vocabulary of a categorical column whose values stand in several places.

    Of a label, what is missing is no class.

    Args:
        column: The column.
        parts: Its values, each `[num_rows]`.
    """
    learn = learn_vocabulary if column.kind == "multi_categorical" else Vocabulary.learn
    is_label = column.role == "label"
    found = [learn(texts_of(part) if is_label else part).known_values for part in parts]
    distinct = np.concatenate(found)
    return Vocabulary.learn(distinct[distinct != MISSING] if is_label else distinct)
