"""The candidates that a recommender chooses from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mtframework.errors import DataError, ModelError, did_you_mean, quoted_list
from mtframework.model.embedded_rows import embed_rows
from mtframework.model.requests import check_lengths
from mtframework.schema.encoding import encode_columns, naming
from mtframework.schema.vocabulary import Vocabulary, as_strings


class Candidates:
    """The names and embeddings of a model's catalogue, and of candidates that came later.

    Args:
        model: A trained `MultiTaskModel`.
        towers: The candidate towers.
    """

    def __init__(self, model, towers: Sequence[str]):
        self.model = model
        self.towers = tuple(towers)
        self.key = model.catalogue.key
        ids = model.catalogue.columns[self.key]
        self.names = model.vocabularies[self.key].values(ids)
        self.embeddings = embed_rows(model, self.towers, model.catalogue.columns)
        self._row_by_name = Vocabulary(self.names)

    @property
    def size(self) -> int:
        """The number of candidates."""
        return len(self.names)

    def rows(self, names: Iterable) -> np.ndarray:
        """Returns the rows of candidates, int64; -1 where there is no such candidate."""
        with naming(self.key):
            return self._row_by_name.ids(names).astype("int64") - 1

    def add(self, columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Adds candidates by what their features say, and returns their embeddings.

        Args:
            columns: Raw columns: the candidate key and what the candidate towers read.

        Raises:
            ModelError: A tower reads the id alone.
            DataError: A column is missing, or a candidate is there already.
        """
        wanted = tuple(
            dict.fromkeys(
                (self.key, *(each for name in self.towers for each in self._columns(name)))
            )
        )
        for name in wanted:
            if name not in columns:
                raise DataError(
                    f'The new candidates lack the column "{name}".{did_you_mean(name, columns)}',
                    f"The columns {quoted_list(wanted)}.",
                    "Add the column.",
                )
        with naming(self.key):
            names = as_strings(columns[self.key])
        distinct, counts = np.unique(names, return_counts=True)
        again = [*distinct[counts > 1], *names[self.rows(names) >= 0]]
        if again:
            raise DataError(
                f'The new candidate "{again[0]}" is there already.',
                "New candidates, each given once.",
                "Leave it out.",
            )
        read = {name: columns[name] for name in wanted}
        check_lengths(read)
        encoded = encode_columns(read, self.model.schema, self.model.vocabularies)
        added = embed_rows(self.model, self.towers, encoded)
        self.names = np.concatenate([self.names, names])
        self.embeddings = {
            name: np.concatenate([each, added[name]]) for name, each in self.embeddings.items()
        }
        self._row_by_name = Vocabulary(self.names)
        return added

    def _columns(self, tower: str) -> tuple[str, ...]:
        columns = self.model.towers[tower].columns
        if columns == (self.key,):
            raise ModelError(
                f'The tower "{tower}" reads "{self.key}" alone, of which training met none of the '
                "new candidates: they would all have one embedding, which nothing has trained.",
                "A tower that reads what is known of a new candidate, such as its genres.",
                f"Give the tower features beside or in place of {self.key}, or train again.",
            )
        return columns
