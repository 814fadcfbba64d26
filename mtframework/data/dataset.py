"""What every data set gives: rows to learn from, rows to evaluate on, and a catalogue."""

import abc
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mtframework.data.rows import encode_rows, is_checked, num_rows_of
from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.schema.classes import vocabulary_of
from mtframework.schema.columns import columns_of
from mtframework.schema.encoding import as_numbers, as_seconds, check_finite, naming
from mtframework.schema.schema import Schema
from mtframework.schema.vectors import as_vectors
from mtframework.schema.vocabulary import Vocabulary

Columns = Mapping[str, np.ndarray]

LAST_RUN = "last_run"
"""What a source has as `since` that reads what came after the rows of the model to start from."""


@dataclass(frozen=True)
class Dataset:
    """Rows of three splits, the candidate catalogue, the schema and the vocabularies.

    Args:
        schema: What each column is.
        train: The columns to learn from: `{name: [num_rows]}`, raw values, or a table of pandas,
            polars or PyArrow; in each split also `StreamedRows`, which need the vocabularies.
        test: The columns that a result is reported on.
        catalogue: The columns of the distinct candidates: `{name: [num_candidates]}`; the
            candidate key holds each candidate once.
        validation: The columns to choose hyper-parameters on; may have no rows.
        vocabularies: Of every categorical column. Left out, they are learned from train and
            the catalogue.
        name: What to call the data in messages.
        rows_in_order: Whether the rows of each split stand in the order of time, those of the
            validation behind those of train and those of the test behind these. Histories need
            that where the schema has no timestamp.
        is_continued: Whether earlier rows were passed over. A model that starts from a trained one
            then keeps what that knows of them: who has seen what, and the queries' columns.

    Raises:
        DataError: A split is empty, lacks a column of the schema or has columns of unequal
            length; the catalogue holds a candidate twice; a numeric feature holds NaN or a
            timestamp is missing; a column's values are not of its kind; a vocabulary belongs to no
            categorical column.
    """

    schema: Schema
    train: Columns
    test: Columns
    catalogue: Columns
    validation: Columns = field(default_factory=dict)
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    name: str = "dataset"
    rows_in_order: bool = False
    is_continued: bool = False
    _encoded: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self):
        for split in ("train", "test", "catalogue", "validation"):
            object.__setattr__(self, split, columns_of(getattr(self, split)))
        everything = [column.name for column in self.schema]
        self._check("train", self.train, everything)
        self._check("test", self.test, everything)
        if num_rows_of(self.validation):
            self._check("validation", self.validation, everything)
        self._check("catalogue", self.catalogue, self.schema.names("candidate"))
        key = self.catalogue[self.schema.candidate_key]
        if len(np.unique(key)) != len(key):
            raise DataError(
                f'The catalogue of {self.name} holds the same "{self.schema.candidate_key}" twice.',
                "Each candidate once.",
                "Remove duplicate candidates from the catalogue.",
            )
        for name in self.vocabularies:
            if not self.schema[name].has_ids:
                kind = self.schema[name].kind
                raise DataError(
                    f'{self.name} was given a vocabulary for the {kind} column "{name}".',
                    "Vocabularies of categorical columns.",
                    "Leave the vocabulary out, or declare the column categorical.",
                )
        learned = {
            column.name: self._learn(column.name)
            for column in self.schema
            if column.has_ids and column.name not in self.vocabularies
        }
        object.__setattr__(self, "vocabularies", {**self.vocabularies, **learned})
        unknown = np.asarray(key)[self.vocabularies[self.schema.candidate_key].ids(key) == 0]
        if len(unknown):
            raise DataError(
                f'The vocabulary of "{self.schema.candidate_key}" lacks {len(unknown)} candidates '
                f'of the catalogue of {self.name}, "{unknown[0]}" first.',
                "Every candidate in the vocabulary.",
                "Leave the vocabulary out, so that it is learned, or add the candidates.",
            )

    def split(self, name: str) -> Columns:
        """Returns the columns of `"train"`, `"validation"` or `"test"`.

        Raises:
            DataError: There is no such split, or it has no rows.
        """
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        if name not in splits:
            raise DataError(
                f'There is no split "{name}".{did_you_mean(name, splits)}',
                f"One of {quoted_list(splits)}.",
                "Correct the name.",
            )
        if not num_rows_of(splits[name]):
            raise DataError(
                f"The split {name} of {self.name} has no rows.",
                "A split with rows.",
                "Ask for another split, or set the data set's test_fraction or "
                "validation_fraction.",
            )
        return splits[name]

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return num_rows_of(self.validation) > 0

    def encode(self, columns: Columns) -> dict[str, np.ndarray]:
        """Returns the columns as the model reads them.

        Categorical columns become int32 ids, numeric ones float32, timestamps int32 seconds;
        ids are looked up once here and never again. Columns outside the schema are left out.
        """
        return encode_rows(columns_of(columns), self.schema, self.vocabularies)

    def encoded_split(
        self, name: str, vocabularies: Mapping[str, Vocabulary] | None = None
    ) -> dict[str, np.ndarray]:
        """Returns the encoded columns of `"train"`, `"validation"` or `"test"`, encoded once.

        Streamed rows are encoded again each time, since their columns may not fit into memory.

        Args:
            name: The split.
            vocabularies: The ids, such as those of a model; left out, the data set's own.

        Raises:
            DataError: There is no such split, or it has no rows.
        """
        rows, vocabularies = self.split(name), vocabularies or self.vocabularies
        kept = self._encoded.get(name)
        if kept is not None and all(vocabularies.get(key) is ids for key, ids in kept[0].items()):
            return dict(kept[1])
        encoded = encode_rows(rows, self.schema, vocabularies)
        if not is_checked(rows):
            self._encoded[name] = (dict(vocabularies), encoded)
        return dict(encoded)

    def _learn(self, name: str) -> Vocabulary:
        # The catalogue is known before any feedback is, so its values are no leak.
        parts = [source[name] for source in (self.train, self.catalogue) if name in source]
        with naming(name):
            return vocabulary_of(self.schema[name], parts)

    def _check(self, split: str, columns: Columns, names) -> None:
        for name in names:
            if name not in columns:
                raise DataError(
                    f'The {split} rows of {self.name} lack the column "{name}".'
                    f"{did_you_mean(name, columns)}",
                    f"The columns {quoted_list(names)}.",
                    "Add or rename the column, or correct the schema.",
                )
        if is_checked(columns):
            self._check_num_rows(split, num_rows_of(columns))
            return  # the rows were checked one by one
        lengths = {name: len(columns[name]) for name in names}
        if len(set(lengths.values())) > 1:
            raise DataError(
                f"The {split} columns of {self.name} have unequal lengths: {lengths}.",
                "One value for each row in every column.",
                "Check how the columns were read.",
            )
        self._check_num_rows(split, next(iter(lengths.values()), 0))
        for name in names:
            column = self.schema[name]
            of = f" of the {split} rows of {self.name}"
            if column.role == "timestamp":
                as_seconds(name, columns[name], of)
            elif column.kind == "vector":
                as_vectors(name, columns[name], column.size or 0, of)
            elif column.kind == "numeric":
                numbers = as_numbers(name, columns[name])
                if column.is_feature:
                    check_finite(name, numbers, of)

    def _check_num_rows(self, split: str, num_rows: int) -> None:
        if not num_rows:
            raise DataError(
                f"There are no {split} rows in {self.name}: the data set is empty.",
                "At least one row.",
                "Check the path, the filter and the split.",
            )


class DatasetSource(abc.ABC):
    """Where a data set comes from: what an experiment names, before anything is read.

    Making one touches neither disk nor network, so that an experiment can be built and checked
    where its data are not. Every registered data set is one.

    Attributes:
        schema: What the columns will be, known without loading them.
        since: From when on rows are read, of a source that can pass earlier ones over; None where
            all are read. `LAST_RUN` is for a model to start from to replace.

    Example:

    >>> from mtframework.schema.schema import Column
    >>> class Clicks(DatasetSource):
    ...     schema = Schema(
    ...         (
    ...             Column("visitor", "categorical", "query"),
    ...             Column("page", "categorical", "candidate"),
    ...             Column("click", "numeric", "label"),
    ...         ),
    ...         query_key="visitor",
    ...         candidate_key="page",
    ...     )
    ...
    ...     def load(self, progress=None):
    ...         rows = {"visitor": ["ann", "bob"], "page": ["home", "shop"], "click": [1.0, 0.0]}
    ...         return Dataset(self.schema, rows, rows, catalogue={"page": ["home", "shop"]})
    >>> Clicks().load().vocabularies["page"].size
    3
    """

    schema: Schema
    since: str | float | None = None

    @property
    def holds_out_validation(self) -> bool | None:
        """Whether there will be validation rows; None where only loading tells."""
        fraction = getattr(self, "validation_fraction", None)
        return None if fraction is None else fraction > 0

    def fingerprint(self) -> str:
        """Returns what changes when the rows do, beside the arguments; nothing by default.

        A result that was kept counts only for rows of the same fingerprint.
        """
        return ""

    @abc.abstractmethod
    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set.

        Args:
            progress: Told, a sentence at a time, what a slow load does and which terms the data
                come under; left out, the sentences go to standard error.

        Raises:
            DataError: The data cannot be had, or are not what they should be.
        """


def print_to_stderr(text: str) -> None:
    """Prints where a result on standard output is not disturbed."""
    print(text, file=sys.stderr, flush=True)
