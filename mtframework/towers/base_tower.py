"""The contract of a tower."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from mtframework.arguments import wrong_argument
from mtframework.errors import ModelError
from mtframework.features.feature import Feature
from mtframework.part import Part
from mtframework.schema.catalogue import Catalogue
from mtframework.schema.events import Events
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary


class BaseTower(Part):
    """Turns the columns that describe a query or a candidate into one embedding. Abstract.

    To write one, subclass it, set the attributes below and implement `columns`, `build` and
    `call`.

    Attributes:
        embedding_dim: The size of the embedding.
        key: The column that identifies what the tower describes.
        training_columns: Columns that it reads in training alone, beside `columns`.
        history_columns: The columns of its query's events that it reads, the candidate key first.
        max_length: How many of these events it reads, where it does.
        history_labels: The labels of each seen candidate that it wants in the catalogue.
        is_deterministic: Whether equal columns have equal embeddings in training, too.
        precomputed: What `precompute` returned, while a graph that only serves is traced.
    """

    embedding_dim: int
    key: str
    training_columns: tuple[str, ...] = ()
    max_length: int = 0
    history_labels: tuple[str, ...] = ()
    is_deterministic: bool = True
    precomputed: Any = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the tower needs in a batch, the key among them."""
        raise NotImplementedError(f"{type(self).__name__} has no columns.")

    @property
    def history_columns(self) -> tuple[str, ...]:
        return ()

    def use_towers(self, towers: Mapping[str, "BaseTower"]) -> None:
        """Is told, by name, of all towers of the model; called once, before anything is built."""

    def check(self, schema: Schema) -> None:
        """Raises an error where the schema lacks a column, or has it as something else."""
        for name in (*self.columns, *self.training_columns):
            schema[name]

    def adapt(
        self, columns: Mapping[str, np.ndarray], vocabularies: Mapping[str, Vocabulary]
    ) -> None:
        """Learns what it must know of the training rows; called once it is built.

        Args:
            columns: The encoded columns of the training rows: `{name: [num_rows, ...]}`.
            vocabularies: Of the columns that hold ids.
        """

    def use_catalogue(self, catalogue: Catalogue) -> None:
        """Is told who has seen what; called after `adapt`, and when a model is loaded."""

    def use_events(self, events: Events) -> None:
        """Is told what each query did; called as `use_catalogue` is."""

    def precompute(self) -> np.ndarray | None:
        """Returns what `call` would recompute in every served call; None where nothing.

        An export computes it once, and sets `precomputed` to it for `call` to read.
        """
        return None

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        """Creates the weights; `num_ids` gives each column's id count.

        Of a numeric column it is None, of one of vectors their size.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build().")

    def call(self, features, training=None):
        """Returns the embeddings, `[batch, embedding_dim]`, of the columns, each `[batch]`."""
        raise NotImplementedError(f"{type(self).__name__} has no call().")

    @property
    def feature_layers(self) -> Sequence[Feature]:
        """The features that it reads, once built; a warm start restores each of them by itself."""
        return ()

    def weights_by_id(self) -> dict[str, list[keras.Variable]]:
        """Returns the weights that have a row for each id of a column, by column.

        When a vocabulary grows, a warm start moves them row by row.
        """
        weights: dict[str, list[keras.Variable]] = {}
        for each in self.feature_layers:
            for column, of_column in each.weights_by_column().items():
                weights.setdefault(column, []).extend(of_column)
        return {column: of_column for column, of_column in weights.items() if of_column}

    def penalty(self, features):
        """Returns what a training step's batch adds to the loss, a scalar."""
        return 0.0

    def dropout_layer(self, rate: float) -> keras.layers.Layer | None:
        """Returns a layer that drops that share of the embedding in training, None for none."""
        return keras.layers.Dropout(rate, dtype=self.dtype_policy, name="dropout") if rate else None

    def wrong(self, argument: str, value: object, expected: str) -> ModelError:
        """Returns the error for an argument that is not what it should be."""
        place = f"{self.name}/{type(self).__name__}"
        return wrong_argument(f'The tower "{self.name}"', argument, value, expected, place=place)
