"""Numbers of past events, which may be missing."""

import keras
import numpy as np
from keras import ops

from mtframework.features.feature import Feature


@keras.saving.register_keras_serializable(package="mtframework")
class EventNumbers(Feature):
    """A number of an event, such as how it was rated, less the mean and over the spread.

    The second entry says whether it is missing; then the first one is 0, as of an average event.
    `SequenceTower` reads a number's plain name like this.

    Args:
        column: A numeric column, a label or not.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> stars = EventNumbers("stars")
    >>> stars.build(None, 8)
    >>> stars.adapt(np.array([1.0, 3.0, np.nan]), None)
    >>> ops.convert_to_numpy(stars(np.array([3.0, np.nan], "float32")))
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """

    reads = ("numeric",)

    def build(self, num_ids, embedding_dim):
        self.units = 2
        self.mean = self.add_weight((), "zeros", trainable=False, name="mean")
        self.spread = self.add_weight((), "ones", trainable=False, name="spread")

    def adapt(self, values, vocabulary):
        known = values[np.isfinite(values)].astype("float64")
        if len(known):
            self.mean.assign(known.mean())
            self.spread.assign(known.std() or 1.0)

    def call(self, values):
        values = ops.cast(values, "float32")
        is_missing = ops.isnan(values)
        scaled = ops.where(is_missing, 0.0, (values - self.mean) / self.spread)
        pair = ops.stack([scaled, ops.cast(is_missing, "float32")], axis=-1)
        return ops.cast(pair, self.compute_dtype)
