"""What an experiment says about the columns of a table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.schema.schema import Column, Kind, Role, Schema

SECONDS, MILLISECONDS = "timestamp", "timestamp in milliseconds"
EVENT = "event"
_SCALARS: dict[str, tuple[Kind, Role]] = {
    "query key": ("categorical", "query"),
    "candidate key": ("categorical", "candidate"),
    "label": ("numeric", "label"),
    "categorical label": ("categorical", "label"),
    "weight": ("numeric", "weight"),
    SECONDS: ("numeric", "timestamp"),
    MILLISECONDS: ("numeric", "timestamp"),
}
_FEATURES: dict[str, tuple[Kind, Role]] = {
    f"{kind} {role}": (kind, role)
    for kind in get_args(Kind)
    if kind != "vector"
    for role in ("query", "candidate", "context")
}
MEANINGS = (*_SCALARS, *_FEATURES, EVENT)
_VECTOR = re.compile(r"vector\[([1-9][0-9]*)\] (query|candidate|context)")


_EXAMPLES = ("vector[64] candidate", "vector[64] query", "vector[64] context")


def meaning_of(column: Column) -> str:
    """Returns the meaning of a feature.

    >>> meaning_of(Column("image", "vector", "candidate", size=64))
    'vector[64] candidate'
    """
    kind = column.kind if column.size is None else f"{column.kind}[{column.size}]"
    return f"{kind} {column.role}"


def vector_size(meaning: str) -> int | None:
    """Returns how many numbers a vector has, by its meaning; None where it means something else.

    >>> vector_size("vector[64] candidate"), vector_size("numeric candidate")
    (64, None)
    """
    found = _VECTOR.fullmatch(str(meaning))
    return int(found[1]) if found else None


@dataclass(frozen=True)
class TableColumns:
    """The columns of interactions and candidates, by name.

    Args:
        meanings: What each column is, one of `MEANINGS`: `{"user": "query key", "age": "numeric
            query", "film": "candidate key", "stars": "label", "time": "timestamp"}`.
        labels: Labels that are no columns of a file: those that events become.

    Raises:
        DataError: There is no such meaning, a key is missing, or a column that may appear once
            appears twice.

    Example:

    >>> columns = TableColumns({"user": "query key", "film": "candidate key", "likes": "label"})
    >>> columns.schema.names("label")
    ('likes',)
    """

    meanings: Mapping[str, str]
    labels: tuple[str, ...] = ()

    def __post_init__(self):
        for name, meaning in self.meanings.items():
            if meaning not in MEANINGS and not vector_size(meaning):
                raise DataError(
                    f'Tables.columns says that "{name}" is "{meaning}".'
                    f"{did_you_mean(meaning, (*MEANINGS, *_EXAMPLES))}",
                    f"One of {quoted_list((*MEANINGS, *_EXAMPLES))}.",
                    "Correct Tables.columns.",
                )
        for meaning in ("query key", "candidate key"):
            if len(self._named(meaning)) != 1:
                raise DataError(
                    f"Tables.columns has {len(self._named(meaning)) or 'no'} columns that are a "
                    f"{meaning}.",
                    f'One column with the meaning "{meaning}".',
                    "Correct Tables.columns.",
                )
        for meanings in ((SECONDS, MILLISECONDS), (EVENT,)):
            several = [name for meaning in meanings for name in self._named(meaning)]
            if len(several) > 1:
                raise DataError(
                    f"Tables.columns says of {quoted_list(several)} that they are "
                    f"the {meanings[0]}.",
                    "At most one.",
                    "Leave the others out.",
                )
        self.schema  # noqa: B018 - a label that events become may have a column's name

    def _named(self, meaning: str) -> list[str]:
        return [name for name, each in self.meanings.items() if each == meaning]

    @property
    def schema(self) -> Schema:
        """The schema of the data set; the column that names the event is not in it."""
        known = {**_SCALARS, **_FEATURES}
        columns = []
        for name, meaning in self.meanings.items():
            if size := vector_size(meaning):
                role = next(each for each in get_args(Role) if meaning.endswith(f" {each}"))
                columns.append(Column(name, "vector", role, size))
            elif meaning != EVENT:
                columns.append(Column(name, *known[meaning]))
        labels = [Column(label, "numeric", "label") for label in self.labels]
        return Schema((*columns, *labels), self.query_key, self.candidate_key)

    @property
    def query_key(self) -> str:
        """The column that identifies a query."""
        return self._named("query key")[0]

    @property
    def candidate_key(self) -> str:
        """The column that identifies a candidate."""
        return self._named("candidate key")[0]

    @property
    def event(self) -> str | None:
        """The column that names the kind of an event."""
        return next(iter(self._named(EVENT)), None)

    @property
    def timestamp(self) -> str | None:
        """The column that says when."""
        return next(iter([*self._named(SECONDS), *self._named(MILLISECONDS)]), None)

    @property
    def candidate_columns(self) -> dict[str, str]:
        """The meanings of the columns that describe a candidate."""
        of_candidates = self.schema.names("candidate")
        return {name: self.meanings[name] for name in of_candidates}
