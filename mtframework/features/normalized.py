"""Numbers brought to mean 0 and variance 1."""

import numpy as np
from keras import ops

from mtframework.features.feature import Feature
from mtframework.registry import register_feature


@register_feature("normalized")
class Normalized(Feature):
    """`(x − mean) / standard deviation`, both of the training rows, in one unit.

    A column that holds one number throughout gives zeros.

    Args:
        column: A numeric column.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> age = Normalized("age")
    >>> age.build(None, 32)
    >>> age.adapt(np.array([20.0, 40.0], "float32"), None)
    >>> ops.convert_to_numpy(age(np.array([20.0, 50.0], "float32"))).tolist()
    [[-1.0], [2.0]]
    """

    reads = ("numeric",)

    def build(self, num_ids, embedding_dim):
        self.mean = self.add_weight(name="mean", trainable=False, initializer="zeros")
        self.deviation = self.add_weight(name="deviation", trainable=False, initializer="ones")
        self.units = 1

    def adapt(self, values, vocabulary):
        numbers = np.asarray(values, "float64")
        self.mean.assign(numbers.mean())
        self.deviation.assign(numbers.std() or 1.0)

    def call(self, values):
        """Returns the normalised numbers, `[batch, 1]`."""
        return ops.expand_dims((values - self.mean) / self.deviation, -1)
