"""Numbers and times to buckets of equally many training rows, and these to embeddings."""

import keras
import numpy as np
from keras import ops

from mtframework.features.clock import SECONDS_OF_DAY, days_and_seconds
from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_feature


@register_feature("bucketed")
class Bucketed(Feature):
    """The embedding of the bucket that a number, or a time, falls into.

    The boundaries are the quantiles `1/num_buckets, 2/num_buckets, …` of the training rows, so that
    the buckets have equally many rows as far as equal numbers allow. A boundary belongs to the
    bucket above it; what lies outside the training rows' range falls into the first or last bucket,
    so that whatever is later than the training rows is of their latest time.

    Args:
        column: A numeric column, or a timestamp column: seconds since 1970.
        num_buckets: How many buckets; two or more.
        embedding_dim: The size of the embedding; None for the tower's.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> age = Bucketed("age", num_buckets=2, embedding_dim=3)
    >>> age.build(None, 32)
    >>> age.adapt(np.array([20.0, 30.0, 50.0], "float32"), None)
    >>> ops.convert_to_numpy(age.buckets(np.array([29.0, 30.0, 90.0], "float32"))).tolist()
    [0, 1, 1]
    """

    reads = ("numeric", "timestamp")

    def __init__(
        self,
        column: str,
        num_buckets: int = 10,
        embedding_dim: int | None = None,
        dtype: Policy = None,
    ):
        super().__init__(column, dtype)
        self.num_buckets = self.whole_number("num_buckets", num_buckets, 2)
        self.embedding_dim = self.checked_dim(embedding_dim)

    def build(self, num_ids, embedding_dim):
        # Of timestamps the days and the seconds apart: together they are more than float32 holds.
        # The seconds of a day are more than float16 holds.
        self.boundaries = self.add_weight(
            shape=(2, self.num_buckets - 1),
            dtype="float32",
            autocast=False,
            name="boundaries",
            trainable=False,
            initializer="zeros",
        )
        self.add_embedding(self.num_buckets, self.embedding_dim or embedding_dim)

    def adapt(self, values, vocabulary):
        shares = np.arange(1, self.num_buckets) / self.num_buckets
        boundaries = np.quantile(values, shares)
        parts = boundaries, np.zeros_like(boundaries)
        if values.dtype.kind == "i":
            parts = np.divmod(np.ceil(boundaries), SECONDS_OF_DAY)
        self.boundaries.assign(np.stack(parts).astype("float32"))

    def buckets(self, values):
        """Returns which bucket each number, or timestamp, falls into, `[batch]` int32, from 0."""
        value, rest = values, ops.zeros_like(values)
        if "int" in keras.backend.standardize_dtype(values.dtype):
            value, rest = days_and_seconds(values)
        # A number that was rounded on its way here meets boundaries that are rounded alike.
        boundaries = ops.cast(ops.convert_to_tensor(self.boundaries), value.dtype)
        boundary, rest_of_boundary = ops.unstack(boundaries)
        value, rest = ops.expand_dims(value, -1), ops.expand_dims(rest, -1)
        above = (value > boundary) | ((value == boundary) & (rest >= rest_of_boundary))
        return ops.sum(ops.cast(above, "int32"), axis=-1)

    def call(self, values):
        """Returns the embeddings, `[batch, units]`, of numbers or timestamps, `[batch]`."""
        assert self.embedding is not None
        return self.embedding(self.buckets(values))

    def get_config(self):
        return {
            **super().get_config(),
            "num_buckets": self.num_buckets,
            "embedding_dim": self.embedding_dim,
        }
