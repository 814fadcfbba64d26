"""Ids that training never met, counted while rows are answered."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mtframework.cli.errors import console


class UnknownIds:
    """Counts the rows whose key the model does not know, by key.

    Args:
        model: A `MultiTaskModel`.
    """

    def __init__(self, model: Any):
        self.model = model
        self.num_rows = 0
        self.counts: Counter[str] = Counter()

    def add(self, columns: Mapping[str, Any]) -> None:
        """Counts some rows."""
        schema = self.model.schema
        for name in (schema.query_key, schema.candidate_key):
            if name in columns and name in self.model.vocabularies:
                ids = self.model.vocabularies[name].ids(columns[name])
                self.counts[name] += int((ids == 0).sum())
        self.num_rows += max(map(len, columns.values()), default=0)

    def tell(self) -> None:
        """Says how many rows were answered as unknown, on standard error; nothing where none."""
        for name, count in self.counts.items():
            if count:
                console().print(
                    f'{count:,} of {self.num_rows:,} rows have a "{name}" that training never met: '
                    "they are answered as unknown."
                )
