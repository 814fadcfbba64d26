"""Columns to one vector a row."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import keras
import numpy as np
from keras import ops

from mtframework.errors import ModelError
from mtframework.features.categorical import Categorical
from mtframework.features.feature import Feature
from mtframework.features.numeric import Numeric
from mtframework.part import Part, Policy
from mtframework.schema.vocabulary import Vocabulary


@keras.saving.register_keras_serializable(package="mtframework")
class FeatureEncoder(Part):
    """Concatenates the vectors of several features, or adds them up.

    A plain column name stands for `Categorical(name)` where the column has ids, and for
    `Numeric(name)` where it has numbers.

    Args:
        features: Column names and `Feature`s, in order.
        embedding_dim: The size of an embedding, where its feature names none of its own.
        combiner: `"concatenate"`, or `"sum"` of vectors that all have one size.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> encoder = FeatureEncoder(["user_id", "age"], embedding_dim=4)
    >>> encoder.build({"user_id": 10, "age": None})
    >>> features = {"user_id": np.array([3, 7]), "age": np.array([0.2, -1.0], "float32")}
    >>> tuple(encoder(features).shape)
    (2, 5)
    """

    def __init__(
        self,
        features: Sequence[str | Feature] = (),
        embedding_dim: int = 32,
        combiner: Literal["concatenate", "sum"] = "concatenate",
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name, dtype)
        self.features = tuple(features)
        self.embedding_dim = embedding_dim
        self.combiner = combiner
        self.parts: list[Feature] = []

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the features read, each once."""
        return tuple(dict.fromkeys(name for each in self.features for name in columns_of(each)))

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        """Creates the weights; `num_ids` gives each column's id count, None where numeric."""
        for feature in self.features:
            if isinstance(feature, str):
                feature = plain_feature(feature, num_ids[feature] is not None)
            self._check_is_new(feature)
            # A warm start finds features by name, and two may read one column alike.
            same = [part for part in self.parts if re.sub(r"_\d+$", "", part.name) == feature.name]
            if same:
                feature.name = f"{feature.name}_{len(same) + 1}"
            feature.build(feature.pick(num_ids.__getitem__), self.embedding_dim)
            self.parts.append(feature)
        if self.combiner == "concatenate":
            self.units = sum(part.units for part in self.parts)
            return
        self.units = self.parts[0].units
        if any(part.units != self.units for part in self.parts):
            sizes = ", ".join(
                f'{type(part).__name__} of "{part.column}" has {part.units}' for part in self.parts
            )
            raise ModelError(
                f"Features with vectors of unequal sizes cannot be added up: {sizes}.",
                "Vectors of one size, such as embeddings.",
                'Use combiner = "concatenate", or Bucketed in place of a plain number.',
            )

    def _check_is_new(self, feature: Feature) -> None:
        if any(feature is part for part in self.parts):
            raise ModelError(
                f'A tower reads one {type(feature).__name__} of "{feature.column}" twice.',
                "An object of its own for each feature.",
                f"Make a second {type(feature).__name__}, or leave it out.",
            )

    def adapt(
        self, columns: Mapping[str, np.ndarray], vocabularies: Mapping[str, Vocabulary]
    ) -> None:
        """Lets each feature learn from the encoded columns of the training rows."""
        for part in self.parts:
            part.adapt(part.pick(columns.__getitem__), part.pick(vocabularies.get))

    def call(self, features):
        """Returns the vectors, `[batch, units]`, of the columns, each `[batch, ...]`."""
        vectors = [part(part.pick(features.__getitem__)) for part in self.parts]
        if self.combiner == "sum":
            return functools.reduce(ops.add, vectors)
        return vectors[0] if len(vectors) == 1 else ops.concatenate(vectors, axis=-1)

    def squared_length(self, features):
        """Returns the squared length of each row's embeddings together, `[batch]` or 0."""
        lengths = [part.squared_length(part.pick(features.__getitem__)) for part in self.parts]
        return sum(length for length in lengths if length is not None)

    def get_config(self):
        return {
            **super().get_config(),
            "features": [
                each if isinstance(each, str) else keras.saving.serialize_keras_object(each)
                for each in self.features
            ],
            "embedding_dim": self.embedding_dim,
            "combiner": self.combiner,
        }

    @classmethod
    def from_config(cls, config):
        features = features_from_config(config["features"])
        return super().from_config({**config, "features": features})


def columns_of(feature: str | Feature) -> tuple[str, ...]:
    """Returns the columns that a plain name or a feature reads."""
    return (feature,) if isinstance(feature, str) else feature.columns


def plain_feature(column: str, has_ids: bool) -> Feature:
    """Returns what a plain column name stands for."""
    return Categorical(column) if has_ids else Numeric(column)


def features_from_config(features: Sequence) -> list[str | Feature]:
    """Returns features as a configuration holds them as objects."""
    return [
        each if isinstance(each, str) else keras.saving.deserialize_keras_object(each)
        for each in features
    ]
