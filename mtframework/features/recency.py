"""How long ago a timestamp was."""

import numpy as np
from keras import ops

from mtframework.features.clock import SECONDS_OF_DAY, days_and_seconds
from mtframework.features.feature import Feature
from mtframework.registry import register_feature


@register_feature("recency")
class Recency(Feature):
    """How long before the latest training row a timestamp lies, in one unit.

        age = latest − timestamp, in days, at least 0
        recency = log(1 + age) / log(1 + latest − earliest)

    so that training rows lie from 0, the latest, to 1, the earliest; whatever is later than the
    training rows is 0, too. The difference is taken before anything is rounded.

    Args:
        column: A timestamp column: seconds since 1970.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> when = Recency("timestamp")
    >>> when.build(None, 32)
    >>> day = 86_400
    >>> when.adapt(np.array([20_000 * day, 20_003 * day], "int32"), None)
    >>> print(ops.convert_to_numpy(when(np.array([20_000 * day, 20_002 * day, 20_009 * day]))).T)
    [[1.  0.5 0. ]]
    """

    reads = ("timestamp",)

    def build(self, num_ids, embedding_dim):
        # Days and seconds apart: together they are more than float32 holds, and more than float16.
        exact = {"trainable": False, "dtype": "float32", "autocast": False}
        self.latest = self.add_weight(shape=(2,), name="latest", initializer="zeros", **exact)
        self.span = self.add_weight(name="span", initializer="ones", **exact)
        self.units = 1

    def adapt(self, values, vocabulary):
        earliest, latest = int(np.min(values)), int(np.max(values))
        self.latest.assign(np.array(divmod(latest, SECONDS_OF_DAY), "float32"))
        self.span.assign(np.log1p((latest - earliest) / SECONDS_OF_DAY) or 1.0)

    def call(self, values):
        """Returns the recencies, `[batch, 1]`, of timestamps, `[batch]`."""
        days, seconds = days_and_seconds(values)
        latest = ops.convert_to_tensor(self.latest)
        age = latest[0] - days + (latest[1] - seconds) / SECONDS_OF_DAY
        recency = ops.log1p(ops.maximum(age, 0.0)) / self.span
        return ops.expand_dims(ops.cast(recency, self.compute_dtype), -1)
