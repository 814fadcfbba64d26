"""What an experiment says about the columns of a table."""

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
    for role in ("query", "candidate", "context")
}
MEANINGS = (*_SCALARS, *_FEATURES, EVENT)


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
            if meaning not in MEANINGS:
                raise DataError(
                    f'Tables.columns says that "{name}" is "{meaning}".'
                    f"{did_you_mean(meaning, MEANINGS)}",
                    f"One of {quoted_list(MEANINGS)}.",
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
        columns = [
            Column(name, *known[meaning])
            for name, meaning in self.meanings.items()
            if meaning != EVENT
        ]
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
