"""One network that all tasks read."""

from collections.abc import Sequence

from keras import layers

from mtframework.registry import register_sharing
from mtframework.sharing.sharing import Sharing
from mtframework.sharing.sizes import check_units


@register_sharing("shared_bottom")
class SharedBottom(Sharing):
    """Gives every task the output of the same dense network: hard parameter sharing.

        representation = relu(… relu(x · W₀ + b₀) …)        [batch, hidden_units[-1]]

    All tasks share all of it, which helps tasks that are alike and hurts tasks that are not.

    Caruana 1997, "Multitask learning".

    Args:
        hidden_units: The sizes of the dense layers.
        name: The layer's name.

    Example:

    >>> sharing = SharedBottom(hidden_units=[16, 8])
    >>> x = np.ones((4, 3), "float32")
    >>> represented = sharing({"rating": x, "watch": x})
    >>> tuple(represented["watch"].shape)
    (4, 8)
    """

    def __init__(self, hidden_units: Sequence[int] = (64,), name: str | None = None):
        super().__init__(name=name)
        self.hidden_units = check_units("SharedBottom", "hidden_units", hidden_units, needed=True)
        self.output_units = self.hidden_units[-1]
        self.dense_layers = [
            layers.Dense(units, activation="relu", name=f"dense_{number}")
            for number, units in enumerate(self.hidden_units)
        ]

    def build(self, input_shape):
        units = next(iter(input_shape.values()))[-1]
        for layer in self.dense_layers:
            layer.build((None, units))
            units = layer.units

    def represent(self, representation, tasks, training=None):
        for layer in self.dense_layers:
            representation = layer(representation)
        return dict.fromkeys(tasks, representation)

    def get_config(self):
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}
