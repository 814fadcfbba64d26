"""A tower: columns in, one embedding a row out."""

from collections.abc import Mapping, Sequence

import keras

from mtframework.errors import ModelError
from mtframework.features.encoder import FeatureEncoder
from mtframework.registry import register_tower


@register_tower("tower")
class Tower(keras.layers.Layer):
    """Turns the columns that describe a query or a candidate into one embedding.

    One categorical column and no hidden units: its embedding as it is. Otherwise the columns'
    vectors are concatenated and go through dense layers, the last of them linear with
    `embedding_dim` units.

    Args:
        name: The tower's name, by which tasks read it. In a Gin file, the scope.
        features: The columns to read. At least one.
        embedding_dim: The size of the embedding.
        hidden_units: The sizes of the dense layers before the last one.
        key: The column that identifies what the tower describes. Left out, the first feature;
            a retrieval task wants it to be the data set's key of queries or candidates.
        dropout: The share of the embedding that is dropped in training, from 0 up to 1.

    Example:

    >>> tower = Tower("user", features=["user_id"], embedding_dim=8)
    >>> tower.build({"user_id": 100})
    >>> tuple(tower({"user_id": np.array([1, 2, 3])}).shape)
    (3, 8)
    """

    def __init__(
        self,
        name: str | None = None,
        features: Sequence[str] = (),
        embedding_dim: int = 32,
        hidden_units: Sequence[int] = (),
        key: str | None = None,
        dropout: float = 0.0,
    ):
        super().__init__(name=name)
        if isinstance(features, str) or not features:
            raise ModelError(
                f'The tower "{self.name}" has features = {features!r}.',
                "A list of one or more column names.",
                f"Set features of the tower, for example features = ['{self.name}_id'].",
            )
        self.features = tuple(features)
        self.embedding_dim = embedding_dim
        self.hidden_units = tuple(hidden_units)
        self.key = key or self.features[0]
        self.dropout_rate = dropout
        self.encoder = FeatureEncoder(self.features, embedding_dim, name="encoder")
        self.dense_layers: list[keras.layers.Layer] = []
        self.dropout = keras.layers.Dropout(dropout, name="dropout") if dropout else None

    @property
    def is_deterministic(self) -> bool:
        """Whether equal features have equal embeddings in training, too."""
        return self.dropout is None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the tower needs in a batch: the features and the key."""
        return tuple(dict.fromkeys((*self.features, self.key)))

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        """Creates the weights; `num_ids` gives each column's id count, None where numeric."""
        self.encoder.build(num_ids)
        units = self.encoder.units
        if self.hidden_units or units != self.embedding_dim or len(self.features) > 1:
            for number, hidden in enumerate(self.hidden_units):
                self._add_dense(units, hidden, "relu", f"hidden_{number}")
                units = hidden
            self._add_dense(units, self.embedding_dim, None, "embedding")

    def call(self, features, training=None):
        """Returns the embeddings, `[batch, embedding_dim]`, of the columns, each `[batch]`."""
        embedding = self.encoder({name: features[name] for name in self.features})
        for layer in self.dense_layers:
            embedding = layer(embedding)
        return embedding if self.dropout is None else self.dropout(embedding, training=training)

    def get_config(self):
        return {
            "name": self.name,
            "features": list(self.features),
            "embedding_dim": self.embedding_dim,
            "hidden_units": list(self.hidden_units),
            "key": self.key,
            "dropout": self.dropout_rate,
        }

    def get_build_config(self):
        return None  # the model builds its towers

    def _add_dense(self, inputs: int, units: int, activation: str | None, name: str) -> None:
        layer = keras.layers.Dense(units, activation=activation, name=name)
        layer.build((None, inputs))
        self.dense_layers.append(layer)
