"""What can be told of a column by looking at it."""

import re
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.tables import column_values

MAX_BAD = 0.01  # of the rows, as Tables.max_rejected


class ColumnFacts:
    """What the name and the values of a column say.

    Args:
        name: Its name.
        values: Its values, as the file has them.

    Example:

    >>> facts = ColumnFacts("userRating", pa.chunked_array([["4", "", "5"]]))
    >>> facts.words, facts.variance
    (['user', 'rating'], 0.25)
    """

    def __init__(self, name: str, values: pa.ChunkedArray):
        self.name = name
        self.raw = values
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        words = re.findall(r"[a-z]{2,}", spaced)
        self.words = [word.removesuffix("s") if len(word) > 3 else word for word in words]

    @cached_property
    def texts(self) -> pa.Array:
        """The values as texts, empty where missing."""
        if pa.types.is_floating(self.raw.type) or pa.types.is_decimal(self.raw.type):
            texts = column_values.one_array(self.raw).cast(pa.large_string())
        else:
            texts, _ = column_values.multi_categories(self.raw)
        return pc.fill_null(texts, "")

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The numbers, NaN where missing; None if all are, or one in a hundred is not a number."""
        values, problems = column_values.numbers(self.raw)
        num_bad = sum(mask.sum() for mask in problems.values())
        if num_bad > MAX_BAD * len(values) or values.null_count == len(values):
            return None
        return values.to_numpy(zero_copy_only=False)

    @cached_property
    def distinct(self) -> pa.Array:
        """The texts, each once, without the empty one."""
        found = pc.unique(self.texts)
        return found.filter(pc.not_equal(found, ""))

    @property
    def share_missing(self) -> float:
        """The share of the rows that have no value."""
        return pc.sum(pc.equal(self.texts, "")).as_py() / len(self.texts)

    @property
    def says_nothing(self) -> str | None:
        """Why nothing can be learned from the column; None where something can."""
        if not len(self.distinct):
            return "has no value that can be read"
        if len(self.distinct) == 1 and len(self.texts) > 1:
            return f"holds nothing but {self.distinct[0].as_py()[:40]!r}"
        return None

    @property
    def variance(self) -> float | None:
        """The variance of the numbers, None where they are 0 and 1."""
        assert self.numbers is not None
        present = self.numbers[~np.isnan(self.numbers)]
        return None if set(np.unique(present)) <= {0, 1} else float(np.var(present))

    @property
    def has_several(self) -> bool:
        """Whether a row may have several categories."""
        _, problems = column_values.categories(self.raw)  # lists are no single values
        several = any(mask.any() for mask in problems.values())
        return several or pc.any(pc.match_substring(self.texts, column_values.SEPARATOR)).as_py()
