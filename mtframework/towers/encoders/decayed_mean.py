"""A mean of the events in which the latest count most."""

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_range
from mtframework.part import Policy
from mtframework.registry import register_encoder
from mtframework.towers.encoders.blocks import behind_start, shifted
from mtframework.towers.encoders.encoder import Encoder


@register_encoder("decayed_mean")
class DecayedMean(Encoder):
    """The mean of a history's events, each step back counting less by a learned factor.

        out_i = Σ_{j ≤ i} d^(i−j) event_j / Σ_{j ≤ i} d^(i−j)

    with a `d` of its own for each dimension. The cheapest encoder, and hard to beat where histories
    are short.

    A sum over n events takes log₂ n steps, each of which adds the sum that ends 1, 2, 4, … events
    before.

    Args:
        decay: What `d` is to begin with, above 0 and at most 0.999.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> encoder = DecayedMean(decay=0.5)
    >>> encoder.build(dim=1, max_length=3)
    >>> events = np.array([[1.0], [4.0], [8.0]], "float32")
    >>> starts = np.array([0, 0, 2])  # two histories
    >>> np.round(ops.convert_to_numpy(encoder(events, starts))[:, 0], 4)
    array([1., 3., 8.], dtype=float32)
    """

    def __init__(self, decay: float = 0.6, name: str | None = None, dtype: Policy = None):
        super().__init__(name=name, dtype=dtype)
        self.decay = check_range("DecayedMean", "decay", decay, 0, inclusive=False, high=0.999)

    def build(self, dim, max_length):
        logit = float(np.log(self.decay / (1 - self.decay)))
        self.logits = self.add_weight(
            (dim,), keras.initializers.Constant(logit), name="decay_logits"
        )
        self.num_steps = max(max_length - 1, 0).bit_length()

    def call(self, events, starts, times=None, training=None):
        factor = ops.cast(ops.sigmoid(self.logits), events.dtype)
        sums, weights = events, ops.ones_like(events[:, :1]) * ops.ones_like(factor)
        for step in range(self.num_steps):
            inside = ops.cast(behind_start(starts, 1 << step), events.dtype)[:, None] * factor
            sums = sums + inside * shifted(sums, 1 << step)
            weights = weights + inside * shifted(weights, 1 << step)
            factor = factor * factor
        return sums / weights

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}
