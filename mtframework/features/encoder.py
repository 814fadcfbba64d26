"""Columns to vectors: an embedding for ids, the number itself for numbers."""

from collections.abc import Mapping

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mtframework")
class FeatureEncoder(keras.layers.Layer):
    """Concatenates the vectors of several columns.

    A categorical column of ids becomes an embedding of `embedding_dim` numbers; a numeric column
    becomes one number.

    Args:
        features: The columns to read, in order.
        embedding_dim: The size of each categorical column's embedding.
        name: The layer's name.

    Example:

    >>> encoder = FeatureEncoder(["user_id", "age"], embedding_dim=4)
    >>> encoder.build({"user_id": 10, "age": None})
    >>> features = {"user_id": np.array([3, 7]), "age": np.array([0.2, -1.0], "float32")}
    >>> tuple(encoder(features).shape)
    (2, 5)
    """

    def __init__(self, features=(), embedding_dim: int = 32, name: str | None = None):
        super().__init__(name=name)
        self.features = tuple(features)
        self.embedding_dim = embedding_dim
        self.embeddings: dict[str, keras.layers.Embedding] = {}

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        """Creates the embeddings; `num_ids` gives each column's id count, None where numeric."""
        for feature in self.features:
            size = num_ids[feature]
            if size is not None:
                embedding = keras.layers.Embedding(size, self.embedding_dim, name=feature)
                embedding.build((None,))
                self.embeddings[feature] = embedding
        self.units = sum(
            self.embedding_dim if feature in self.embeddings else 1 for feature in self.features
        )

    def call(self, features):
        """Returns the vectors, `[batch, units]`, of the columns, each `[batch]`."""
        vectors = [
            self.embeddings[name](features[name])
            if name in self.embeddings
            else ops.expand_dims(ops.cast(features[name], self.compute_dtype), -1)
            for name in self.features
        ]
        return vectors[0] if len(vectors) == 1 else ops.concatenate(vectors, axis=-1)

    def get_config(self):
        return {
            "features": list(self.features),
            "embedding_dim": self.embedding_dim,
            "name": self.name,
        }

    def get_build_config(self):
        return None  # whoever holds the encoder builds it
