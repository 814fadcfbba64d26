"""Says how many rows and events name a query or a candidate that a model does not know."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mtframework.cli.errors import console
from mtframework.model.histories import HISTORY, names_in_request

if TYPE_CHECKING:
    from mtframework.model.model import MultiTaskModel
    from mtframework.schema.vocabulary import Vocabulary


class UnknownKeys:
    """Counts the rows and events of a request whose key is not in the model's vocabulary.

    Args:
        model: A trained model.
    """

    def __init__(self, model: "MultiTaskModel"):
        keys = model.schema.query_key, model.schema.candidate_key
        self.query_key, self.candidate_key = keys
        self.reads_histories = bool(model.max_length)
        self.vocabularies = {key: model.vocabularies[key] for key in keys}
        self.num_unknown: Counter[tuple[str, str]] = Counter()
        self.num_named: Counter[tuple[str, str]] = Counter()
        self.first: dict[tuple[str, str], str] = {}

    def add(self, columns: Mapping[str, Any]) -> None:
        """Counts the rows of raw columns, `{name: [num_rows]}`."""
        for key, vocabulary in self.vocabularies.items():
            if key not in columns or (key == self.query_key and HISTORY in columns):
                continue  # whose history comes along needs no name
            self._count("rows", key, columns[key], vocabulary)
        if self.reads_histories:
            key = self.candidate_key
            _, names = names_in_request(columns, key)
            self._count("events", key, names, self.vocabularies[key])

    def _count(self, what: str, key: str, names: Sequence[Any], vocabulary: "Vocabulary") -> None:
        unknown = np.flatnonzero(vocabulary.ids(names) == 0)
        self.num_unknown[what, key] += len(unknown)
        self.num_named[what, key] += len(names)
        if len(unknown):
            self.first.setdefault((what, key), str(names[unknown[0]]))

    def tell(self) -> None:
        """Prints a line for each key column with unknown values."""
        for (what, key), first in self.first.items():
            result = {
                "rows": "it gets the answer of an unknown one",
                "events": "it counts as an unknown one",
            }[what]
            console().print(
                f"{self.num_unknown[what, key]} of {self.num_named[what, key]} {what} have a "
                f'"{key}" that the model does not know, such as "{first}": {result}.',
            )
