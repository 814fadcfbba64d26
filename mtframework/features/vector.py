"""A vector that was computed elsewhere: of a text, an image, another model."""

from keras import ops

from mtframework.features.feature import Feature
from mtframework.registry import register_feature


@register_feature("vector")
class Vector(Feature):
    """The numbers of a vector as they are; the tower's dense layers learn what to make of them.

    Numbers of a size near 1 are learned best: scale vectors of another length where they are
    computed.

    Args:
        column: A column of vectors.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> image = Vector("image")
    >>> image.build(3, 32)
    >>> ops.convert_to_numpy(image(np.array([[0.5, 2.0, 1.0]], "float32"))).tolist()
    [[0.5, 2.0, 1.0]]
    """

    reads = ("vector",)

    def build(self, num_ids, embedding_dim):
        self.units = num_ids

    def call(self, values):
        """Returns the numbers, `[batch, size]`."""
        return ops.cast(values, self.compute_dtype)
