"""Numbers to buckets of equally many training rows, and these to embeddings."""

import numpy as np
from keras import ops

from mtframework.features.feature import Feature
from mtframework.registry import register_feature


@register_feature("bucketed")
class Bucketed(Feature):
    """The embedding of the bucket that a number falls into.

    The boundaries are the quantiles `1/num_buckets, 2/num_buckets, …` of the training rows, so that
    the buckets have equally many rows as far as equal numbers allow. A boundary belongs to the
    bucket above it; what lies outside the training rows' range falls into the first or last bucket.

    Args:
        column: A numeric column.
        num_buckets: How many buckets; two or more.
        embedding_dim: The size of the embedding; None for the tower's.

    Example:

    >>> age = Bucketed("age", num_buckets=2, embedding_dim=3)
    >>> age.build(None, 32)
    >>> age.adapt(np.array([20.0, 30.0, 50.0], "float32"), None)
    >>> ops.convert_to_numpy(age.buckets(np.array([29.0, 30.0, 90.0], "float32"))).tolist()
    [0, 1, 1]
    """

    reads = ("numeric",)

    def __init__(self, column: str, num_buckets: int = 10, embedding_dim: int | None = None):
        super().__init__(column)
        self.num_buckets = self.whole_number("num_buckets", num_buckets, 2)
        self.embedding_dim = self.checked_dim(embedding_dim)

    def build(self, num_ids, embedding_dim):
        self.boundaries = self.add_weight(
            shape=(self.num_buckets - 1,), name="boundaries", trainable=False, initializer="zeros"
        )
        self.add_embedding(self.num_buckets, self.embedding_dim or embedding_dim)

    def adapt(self, values, vocabulary):
        shares = np.arange(1, self.num_buckets) / self.num_buckets
        self.boundaries.assign(np.quantile(values, shares).astype("float32"))

    def buckets(self, values):
        """Returns which bucket each number falls into, `[batch]` int32, from 0."""
        above = ops.expand_dims(values, -1) >= ops.convert_to_tensor(self.boundaries)
        return ops.sum(ops.cast(above, "int32"), axis=-1)

    def call(self, values):
        """Returns the embeddings, `[batch, units]`, of numbers, `[batch]`."""
        assert self.embedding is not None
        return self.embedding(self.buckets(values))

    def get_config(self):
        return {
            **super().get_config(),
            "num_buckets": self.num_buckets,
            "embedding_dim": self.embedding_dim,
        }
