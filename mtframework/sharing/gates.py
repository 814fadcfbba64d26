"""What decides how much of each expert a task gets."""

from collections.abc import Sequence

import keras
from keras import ops

from mtframework.sharing.parallel_networks import ParallelNetworks


class Gates(keras.layers.Layer):
    """Weighs experts, row by row, once for each gate.

        weights[g] = softmax(network[g](inputs))       [batch, num_experts]

    In training, `dropout` sets each weight to zero with that probability and divides the rest by
    their sum, so that no gate comes to lean on one expert alone (Zhao et al. 2019, "Recommending
    what video to watch next"). A row that loses all its weights keeps them all.

    Args:
        num_gates: How many gates.
        num_experts: How many experts each of them weighs.
        hidden_units: The sizes of the gate networks' hidden layers; none in most papers.
        dropout: The probability that a row does without an expert.
        name: The layer's name.

    Example:

    >>> gates = Gates(num_gates=2, num_experts=4)
    >>> weights = gates(np.ones((3, 8), "float32"))
    >>> tuple(weights.shape)
    (3, 2, 4)
    >>> bool(ops.all(ops.abs(ops.sum(weights, axis=-1) - 1.0) < 1e-6))
    True
    """

    def __init__(
        self,
        num_gates: int,
        num_experts: int,
        hidden_units: Sequence[int] = (),
        dropout: float = 0.0,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.networks = ParallelNetworks(
            num_gates, [*hidden_units, num_experts], activation=None, name="networks"
        )
        self.dropout = keras.layers.Dropout(dropout, name="dropout") if dropout else None

    def build(self, input_shape):
        self.networks.build(input_shape)

    def call(self, inputs, gates: Sequence[int] | None = None, training=None):
        """Returns the weights, `[batch, gates, num_experts]`, which sum to 1.

        Args:
            inputs: `[batch, units]`, read by all gates, or `[batch, gates, units]`.
            gates: Which gates; None for all.
            training: Whether to drop weights.
        """
        logits = self.networks(inputs, networks=gates)
        weights = ops.softmax(ops.cast(logits, "float32"), axis=-1)
        if self.dropout is not None and training:
            weights = _normalised(self.dropout(weights, training=True), weights)
        return ops.cast(weights, self.compute_dtype)


def _normalised(dropped, weights):
    total = ops.sum(dropped, axis=-1, keepdims=True)
    some = total > 0
    return ops.where(some, dropped / ops.where(some, total, 1.0), weights)
