"""What the columns of a data set are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from mtframework.arguments import is_whole_number
from mtframework.errors import DataError, did_you_mean, quoted_list

Kind = Literal["categorical", "multi_categorical", "numeric", "vector"]
Role = Literal["query", "candidate", "context", "label", "weight", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One column: its name, how its values are read, and what it describes.

    Args:
        name: The column's name in the data.
        kind: `"categorical"` (strings or integers, turned into ids by a vocabulary),
            `"multi_categorical"` (several of them a row: `"Comedy|Drama"` or a list),
            `"numeric"` (numbers, NaN where missing) or `"vector"` (`size` numbers a row).
        role: Whom it describes: `"query"` (who receives), `"candidate"` (what is recommended),
            `"context"` (the single event), or how it is used: `"label"`, `"weight"`,
            `"timestamp"` (seconds since 1970, in UTC, before 2038).
        size: How many numbers a vector has; None for other kinds.

    Raises:
        DataError: The name is empty, there is no such kind or role, or the size or the role does
            not fit to the kind.
    """

    name: str
    kind: Kind
    role: Role
    size: int | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise DataError(
                f"A column is named {self.name!r}.",
                "A string of one character or more.",
                "Use the column's name in the data.",
            )
        for argument, value, known in (
            ("kind", self.kind, get_args(Kind)),
            ("role", self.role, get_args(Role)),
        ):
            if value not in known:
                raise DataError(
                    f'The column "{self.name}" has {argument} "{value}".'
                    f"{did_you_mean(value, known)}",
                    f"One of {quoted_list(known)}.",
                    f"Correct the {argument}.",
                )

        is_size = is_whole_number(self.size) and (self.size or 0) > 0
        if not is_size if self.kind == "vector" else self.size is not None:
            raise DataError(
                f'The {self.kind} column "{self.name}" has size {self.size!r}.',
                "How many numbers a vector has, from 1; None for other kinds.",
                "Correct the size.",
            )
        if self.kind == "vector" and not self.is_feature:
            raise DataError(
                f'The column "{self.name}" of vectors has the role "{self.role}".',
                'A feature: "query", "candidate" or "context".',
                "Correct the role.",
            )

    @property
    def has_ids(self) -> bool:
        """Whether its values are categories, which a vocabulary turns into ids."""
        return self.kind in ("categorical", "multi_categorical")

    @property
    def is_feature(self) -> bool:
        """Whether it describes a query, a candidate or an event."""
        return self.role in ("query", "candidate", "context")


@dataclass(frozen=True)
class Schema:
    """The columns of a data set, and which two of them are keys.

    Args:
        columns: All columns, in order.
        query_key: The categorical column that identifies a query, for example `"user_id"`.
        candidate_key: The categorical column that identifies a candidate of the catalogue.

    Raises:
        DataError: Two columns have one name, or a key is no categorical column of its role.

    Example:

    >>> schema = Schema(
    ...     columns=(
    ...         Column("user_id", "categorical", "query"),
    ...         Column("movie_title", "categorical", "candidate"),
    ...         Column("user_rating", "numeric", "label"),
    ...     ),
    ...     query_key="user_id",
    ...     candidate_key="movie_title",
    ... )
    >>> schema["user_rating"].kind
    'numeric'
    >>> schema.names("candidate")
    ('movie_title',)
    """

    columns: tuple[Column, ...]
    query_key: str
    candidate_key: str

    def __post_init__(self):
        object.__setattr__(self, "columns", tuple(self.columns))
        names = [column.name for column in self.columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise DataError(
                f"The schema has two columns of one name: {quoted_list(repeated)}.",
                "Each column once.",
                "Remove or rename one of the two.",
            )
        for argument, key, role in (
            ("query_key", self.query_key, "query"),
            ("candidate_key", self.candidate_key, "candidate"),
        ):
            column = self[key]
            if column.kind != "categorical" or column.role != role:
                raise DataError(
                    f'{argument} names the {column.kind} {column.role} column "{key}".',
                    f"A categorical {role} column.",
                    f"Name the column that identifies a {role}, or correct its kind and role.",
                )

    def __getitem__(self, name: str) -> Column:
        """Returns the column of that name.

        Raises:
            DataError: There is none; the message suggests the nearest name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = [column.name for column in self.columns]
        raise DataError(
            f'There is no column "{name}".{did_you_mean(name, known)}',
            f"One of {quoted_list(known)}.",
            "Correct the name, or add the column to the schema.",
        )

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def names(self, role: Role) -> tuple[str, ...]:
        """Returns the names of the columns of one role, in order."""
        return tuple(column.name for column in self.columns if column.role == role)
