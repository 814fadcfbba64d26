"""One network that all tasks read."""

from keras import layers

from mtframework.registry import register_sharing
from mtframework.sharing.dense_sharing import DenseSharing


@register_sharing("shared_bottom")
class SharedBottom(DenseSharing):
    """Gives every task the output of the same dense network: hard parameter sharing.

        representation = relu(… relu(x · W₀ + b₀) …)        [batch, hidden_units[-1]]

    All tasks share all of it, which helps tasks that are alike and hurts tasks that are not.

    Caruana 1997, "Multitask learning".

    Args:
        hidden_units: The sizes of the dense layers.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> sharing = SharedBottom(hidden_units=[16, 8])
    >>> x = np.ones((4, 3), "float32")
    >>> represented = sharing({"rating": x, "watch": x})
    >>> tuple(represented["watch"].shape)
    (4, 8)
    """

    def build(self, input_shape):
        units = next(iter(input_shape.values()))[-1]
        self.dense_layers = []
        for number, hidden in enumerate(self.hidden_units):
            layer = layers.Dense(hidden, activation="relu", name=f"dense_{number}")
            layer.build((None, units))
            self.dense_layers.append(layer)
            units = hidden

    @property
    def weights_of_no_task(self):
        return self.trainable_weights

    def represent(self, representation, tasks, training=None):
        for layer in self.dense_layers:
            representation = layer(representation)
        return dict.fromkeys(tasks, representation)
