"""Says how many rows name a query or a candidate that a model does not know."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mtframework.cli.errors import console
from mtframework.model.histories import HISTORY

if TYPE_CHECKING:
    from mtframework.model.model import MultiTaskModel


class UnknownKeys:
    """Counts the rows of a request whose key is not in the model's vocabulary.

    Args:
        model: A trained model.
    """

    def __init__(self, model: "MultiTaskModel"):
        keys = model.schema.query_key, model.schema.candidate_key
        self.query_key = model.schema.query_key
        self.vocabularies = {key: model.vocabularies[key] for key in keys}
        self.num_unknown: Counter[str] = Counter()
        self.num_rows: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, columns: Mapping[str, Any]) -> None:
        """Counts the rows of raw columns, `{name: [num_rows]}`."""
        for key, vocabulary in self.vocabularies.items():
            if key not in columns or (key == self.query_key and HISTORY in columns):
                continue  # whose history comes along needs no name
            unknown = np.flatnonzero(vocabulary.ids(columns[key]) == 0)
            self.num_rows[key] += len(columns[key])
            self.num_unknown[key] += len(unknown)
            if len(unknown):
                self.first.setdefault(key, str(columns[key][unknown[0]]))

    def tell(self) -> None:
        """Prints a line for each key column with unknown values."""
        for key, first in self.first.items():
            console().print(
                f'{self.num_unknown[key]} of {self.num_rows[key]} rows have a "{key}" that the '
                f'model does not know, such as "{first}": it gets the answer of an unknown one.',
            )
