"""The contract of a feature: a column or several in, one vector a row out."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras
from keras import ops

from mtframework.arguments import is_whole_number, wrong_argument
from mtframework.embeddings.table import Table
from mtframework.errors import ModelError, quoted_list
from mtframework.part import Part, Policy
from mtframework.schema.schema import Column

Reads = Literal["categorical", "multi_categorical", "numeric", "vector", "timestamp"]


class Feature(Part):
    """What a tower makes of a column. Abstract.

    To write one, subclass it, say in `reads` which columns it is for, and implement `build`, which
    sets `units`, and `call`. What is learned from the training rows goes into weights that are not
    trainable, in `adapt`; they are saved with the model and used when serving.

    A feature of several columns says in `columns` which; what stands for one column below, such as
    `values`, is then a tuple of theirs.

    Args:
        column: The column to read.
        dtype: The dtype policy that it computes under; None for Keras's global one.
    """

    #: The columns that it can read: their kind, or "timestamp" for their role.
    reads: tuple[Reads, ...] = ()

    #: The size of the vector; known once built.
    units: int

    def __init__(self, column: str, dtype: Policy = None):
        kind = type(self).__name__.lower()
        if not isinstance(column, str) or not column:
            super().__init__()
            raise self.wrong("column", column, "The name of a column.")
        # The same in every process, which Keras's own numbering is not: a warm start goes by it.
        super().__init__(f"{re.sub(r'[^a-zA-Z0-9]', '_', column)}_{kind}", dtype)
        self.column = column
        self.embedding: keras.layers.Embedding | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.column,)

    def pick(self, of: Callable[[str], Any]) -> Any:
        """Returns what a function gives for its column; a tuple where it has several."""
        found = tuple(map(of, self.columns))
        return found if len(self.columns) > 1 else found[0]

    def check_columns(self, columns: Sequence[Column]) -> None:
        """Raises a `ModelError` where one of its columns is none that it can read."""
        for column in columns:
            self.check(column)

    def check(self, column: Column) -> None:
        """Raises a `ModelError` where the column is none that the feature can read."""
        if column.role in ("label", "weight"):
            raise ModelError(
                f'A tower reads the {column.role} column "{column.name}" as a feature.',
                "A column that is known before the feedback.",
                "Remove it from the features, or correct its role.",
            )
        kind = "timestamp" if column.role == "timestamp" else column.kind
        if kind not in self.reads:
            plain = kind in ("categorical", "multi_categorical", "numeric")
            instead = "its plain name" if plain else "Bucketed, Recency, TimeOfDay or DayOfWeek"
            instead = "Vector" if kind == "vector" else instead
            raise ModelError(
                f'{type(self).__name__} reads the column "{column.name}", which is {kind}.',
                f"A column that is one of {quoted_list(self.reads)}.",
                f"Give the tower {instead}, or name another column.",
            )

    def build(self, num_ids: Any, embedding_dim: int) -> None:
        """Creates the weights.

        Args:
            num_ids: How many ids the column has, an int; None where it has
                numbers, and how many where it has vectors.
            embedding_dim: The size of an embedding, where the feature names none of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build().")

    def adapt(self, values: Any, vocabulary: Any) -> None:
        """Learns what it must know of the training rows; called once it is built.

        Args:
            values: The column as encoded, a NumPy array `[num_rows, ...]`.
            vocabulary: The `Vocabulary` whose ids they are; None where they are numbers.
        """

    def call(self, values):
        """Returns the vectors, `[batch, units]`, of the encoded column, `[batch, ...]`."""
        raise NotImplementedError(f"{type(self).__name__} has no call().")

    @property
    def weights_by_id(self) -> Sequence[keras.Variable]:
        """The weights that have a row for each id of the column."""
        return ()

    def weights_by_column(self) -> Mapping[str, Sequence[keras.Variable]]:
        """Returns `weights_by_id` by column."""
        return {self.column: self.weights_by_id}

    def squared_length(self, values):
        """Returns the squared length of each row's embedding, `[batch]`; None without one."""
        return None if self.embedding is None else ops.sum(ops.square(self(values)), axis=-1)

    def get_config(self):
        config = super().get_config()
        del config["name"]  # which follows from the column
        return {**config, "column": self.column}

    def wrong(self, argument: str, value: object, expected: str) -> ModelError:
        """Returns the error for an argument that is not what it should be."""
        kind = type(self).__name__
        return wrong_argument(f"A {kind}", argument, value, expected, place=kind)

    def checked_dim(self, embedding_dim: int | None) -> int | None:
        """Returns the size of an embedding, None for the tower's."""
        if embedding_dim is None:
            return None
        return self.whole_number("embedding_dim", embedding_dim, 1)

    def whole_number(self, argument: str, value: object, minimum: int) -> int:
        """Returns the argument, and raises a `ModelError` where it is not a number of things."""
        if not is_whole_number(value) or value < minimum:
            raise self.wrong(argument, value, f"A whole number from {minimum}.")
        return value

    def add_embedding(self, num_ids: int, dim: int) -> None:
        """Creates the table that `squared_length` is about, and sets `units`."""
        embedding = Table(num_ids, dim, name="table")
        embedding.build((None,))
        self.embedding = embedding
        self.units = dim
