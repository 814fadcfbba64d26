"""Numbers as they are."""

from keras import ops

from mtframework.features.feature import Feature
from mtframework.registry import register_feature


@register_feature("numeric")
class Numeric(Feature):
    """A number as it is, in one unit. A tower reads a numeric column's plain name like this.

    Args:
        column: A numeric column.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> age = Numeric("age")
    >>> age.build(None, 32)
    >>> ops.convert_to_numpy(age(np.array([0.5, 2.0], "float32"))).tolist()
    [[0.5], [2.0]]
    """

    reads = ("numeric",)

    def build(self, num_ids, embedding_dim):
        self.units = 1

    def call(self, values):
        """Returns the numbers, `[batch, 1]`."""
        return ops.expand_dims(ops.cast(values, self.compute_dtype), -1)
