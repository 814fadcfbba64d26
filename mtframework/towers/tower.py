"""A tower: columns in, one embedding a row out."""

from collections.abc import Mapping, Sequence
from typing import Literal

import keras
import keras_rs
import numpy as np
from keras import ops

from mtframework.arguments import (
    check_choice,
    check_count,
    check_share,
    check_sizes,
    is_whole_number,
)
from mtframework.errors import ModelError
from mtframework.features.encoder import (
    FeatureEncoder,
    columns_of,
    features_from_config,
    plain_feature,
)
from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_tower
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary
from mtframework.towers.base_tower import BaseTower

COMBINERS = ("concatenate", "sum")


@register_tower("tower")
class Tower(BaseTower):
    """Turns the columns that describe a query or a candidate into one embedding.

    One categorical column and no hidden units: its embedding as it is. With `combiner="sum"` the
    features' embeddings are added up, so that a rare candidate is what its features say and its
    own embedding a correction (Kula 2015, "Metadata embeddings for user and item cold-start
    recommendations"). Otherwise the vectors are concatenated to x₀, cross with each other in
    `cross_layers` layers,

        xᵢ₊₁ = x₀ ⊙ (Wᵢ xᵢ + bᵢ) + xᵢ

    and go through dense layers, the last of them linear with `embedding_dim` units.

    Args:
        name: The tower's name, by which tasks read it. In a Gin file, the scope.
        features: What to read, at least one: column names, and features such as
            `Bucketed("age")`. A plain name is a category's embedding or a number as it is.
        embedding_dim: The size of the embedding.
        hidden_units: The sizes of the dense layers before the last one.
        key: The column that identifies what the tower describes. Left out, the first feature's;
            a retrieval task wants it to be the data set's key of queries or candidates.
        dropout: The share of the embedding that is dropped in training, from 0 up to 1.
        l2: The weight of the penalty `Σ ‖vector‖²` over the embeddings that a row looks up,
            averaged over the batch's rows, so that it means the same at any batch size, and costs
            nothing for what the batch does not hold.
        cross_layers: How many layers of explicit crosses (DCN-v2; Wang et al. 2021, "DCN V2:
            improved deep & cross network") stand before the dense ones.
        combiner: How the features' vectors become one: `"concatenate"`, or `"sum"`, for which
            they need one size, that of embeddings. A sum goes through dense layers only where
            there are `hidden_units`.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> tower = Tower("user", features=["user_id"], embedding_dim=8)
    >>> tower.build({"user_id": 100})
    >>> tuple(tower({"user_id": np.array([1, 2, 3])}).shape)
    (3, 8)
    """

    def __init__(
        self,
        name: str | None = None,
        features: Sequence[str | Feature] = (),
        embedding_dim: int = 32,
        hidden_units: Sequence[int] = (),
        key: str | None = None,
        dropout: float = 0.0,
        l2: float = 0.0,
        cross_layers: int = 0,
        combiner: Literal["concatenate", "sum"] = "concatenate",
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if (
            isinstance(features, (str, Feature))
            or not features
            or not all(isinstance(each, (str, Feature)) for each in features)
        ):
            raise ModelError(
                f'The tower "{self.name}" has features = {features!r}.',
                "A list of one or more column names or features.",
                f"Set features of the tower, for example features = ['{self.name}_id'].",
            )
        if isinstance(l2, (bool, str)) or not 0 <= l2 < float("inf"):
            raise self.wrong("l2", l2, "A finite number of at least 0.")
        if not is_whole_number(cross_layers) or cross_layers < 0:
            raise self.wrong("cross_layers", cross_layers, "A whole number of at least 0.")
        owner = f'The tower "{self.name}"'
        self.combiner = check_choice(owner, "combiner", combiner, COMBINERS)
        self.features = tuple(features)
        self.embedding_dim = check_count(owner, "embedding_dim", embedding_dim)
        self.hidden_units = check_sizes(owner, "hidden_units", hidden_units, needed=False)
        self.key = key or columns_of(self.features[0])[0]
        self.l2 = l2
        self.cross_layers = cross_layers
        self.dropout_rate = check_share(owner, "dropout", dropout, below_one=True)
        self.encoder = FeatureEncoder(
            self.features, embedding_dim, combiner, "encoder", self.dtype_policy
        )
        self.crosses: list[keras.layers.Layer] = []
        self.dense_layers: list[keras.layers.Layer] = []
        self.dropout = self.dropout_layer(dropout)
        self.is_deterministic = self.dropout is None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the tower needs in a batch: the features and the key."""
        return tuple(dict.fromkeys((*self.encoder.columns, self.key)))

    @property
    def feature_layers(self) -> Sequence[Feature]:
        return self.encoder.parts

    def check(self, schema: Schema) -> None:
        super().check(schema)
        for each in self.features:
            columns = [schema[name] for name in columns_of(each)]
            feature = (
                plain_feature(each, columns[0].kind != "numeric") if isinstance(each, str) else each
            )
            feature.check_columns(columns)

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        self.encoder.build(num_ids)
        units = self.encoder.units
        for number in range(self.cross_layers):
            cross = keras_rs.layers.FeatureCross(name=f"cross_{number}")
            cross(ops.zeros((1, units)))  # which is how its inner layers get their weights
            self.crosses.append(cross)
        is_concatenated = len(self.features) > 1 and self.combiner == "concatenate"
        if self.hidden_units or units != self.embedding_dim or is_concatenated:
            for number, hidden in enumerate(self.hidden_units):
                self._add_dense(units, hidden, "relu", f"hidden_{number}")
                units = hidden
            self._add_dense(units, self.embedding_dim, None, "embedding")

    def adapt(
        self, columns: Mapping[str, np.ndarray], vocabularies: Mapping[str, Vocabulary]
    ) -> None:
        self.encoder.adapt(columns, vocabularies)

    def call(self, features, training=None):
        vectors = self.encoder({name: features[name] for name in self.encoder.columns})
        embedding = vectors
        for cross in self.crosses:
            embedding = cross(vectors, embedding)
        for layer in self.dense_layers:
            embedding = layer(embedding)
        return embedding if self.dropout is None else self.dropout(embedding, training=training)

    def penalty(self, features):
        """Returns `l2` times the mean squared length of the rows' embeddings, a scalar."""
        if not self.l2:
            return 0.0
        lengths = self.encoder.squared_length(features)
        return self.l2 * ops.mean(ops.cast(lengths, "float32"))

    def get_config(self):
        return {
            **super().get_config(),
            "features": self.encoder.get_config()["features"],
            "embedding_dim": self.embedding_dim,
            "hidden_units": list(self.hidden_units),
            "key": self.key,
            "dropout": self.dropout_rate,
            "l2": self.l2,
            "cross_layers": self.cross_layers,
            "combiner": self.combiner,
        }

    @classmethod
    def from_config(cls, config):
        features = features_from_config(config["features"])
        return super().from_config({**config, "features": features})

    def _add_dense(self, inputs: int, units: int, activation: str | None, name: str) -> None:
        layer = keras.layers.Dense(units, activation=activation, name=name)
        layer.build((None, inputs))
        self.dense_layers.append(layer)
