"""Gated pointwise attention over positions and times."""

import keras
from keras import ops

from mtframework.arguments import check_count, check_share
from mtframework.part import Policy
from mtframework.registry import register_encoder
from mtframework.towers.encoders.blocks import Blocks, attend, check_heads, dense, layer_norm
from mtframework.towers.encoders.encoder import Encoder

_TIME_BUCKETS = 32  # powers of two of seconds: the last one is 68 years


@register_encoder("hstu")
class HSTU(Encoder):
    """Hierarchical sequential transduction units (Zhai et al. 2024, "Actions speak louder").

    In each layer, with `u, q, k, v = silu(W norm(x))`,

        a_ij = silu(q_i · k_j + position_bias[i − j] + time_bias[log₂(t_i − t_j)]) / max_length
        x_i  = x_i + dropout(W' (norm(Σ_{j ≤ i} a_ij v_j) ⊙ u_i))

    Attention is pointwise: it is no share, so that how much there is to attend to counts as well.

    Args:
        num_layers: How many layers.
        num_heads: How many heads share the dimensions, which they must divide.
        dropout: The share that is dropped in training, from 0 up to 1.
        use_times: Whether the time between events counts.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> encoder = HSTU(num_layers=1)
    >>> encoder.build(dim=4, max_length=3)
    >>> tuple(encoder(np.ones((5, 4), "float32"), np.array([0, 0, 0, 3, 3])).shape)
    (5, 4)
    """

    def __init__(
        self,
        num_layers: int = 2,
        num_heads: int = 2,
        dropout: float = 0.2,
        use_times: bool = False,
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_layers = check_count("HSTU", "num_layers", num_layers)
        self.num_heads = check_count("HSTU", "num_heads", num_heads)
        self.dropout_rate = check_share("HSTU", "dropout", dropout, below_one=True)
        self.use_times = self.reads_times = bool(use_times)

    def build(self, dim, max_length):
        check_heads("HSTU", dim, self.num_heads)
        self.max_length = max_length
        self.dropout = keras.layers.Dropout(self.dropout_rate, dtype=self.dtype_policy)
        self.norms, self.projections, self.attended_norms, self.outputs = [], [], [], []
        self.position_biases, self.time_biases = [], []
        for index in range(self.num_layers):
            self.norms.append(layer_norm(dim))
            self.projections.append(dense(dim, 4 * dim, "silu"))
            self.attended_norms.append(layer_norm(dim))
            self.outputs.append(dense(dim, dim))
            shape = (max_length, self.num_heads)
            self.position_biases.append(
                self.add_weight(shape, "uniform", name=f"position_bias_{index}")
            )
            if self.use_times:
                shape = (_TIME_BUCKETS, self.num_heads)
                self.time_biases.append(
                    self.add_weight(shape, "uniform", name=f"time_bias_{index}")
                )

    def call(self, events, starts, times=None, training=None):
        blocks = Blocks(starts, self.max_length)
        distance = ops.clip(blocks.distance, 0, self.max_length - 1)
        buckets = _time_buckets(blocks, times) if self.use_times else None
        x = self.dropout(events, training=training)
        for index in range(self.num_layers):
            bias = ops.take(self.position_biases[index], distance, axis=0)[None]
            if self.use_times:
                bias = bias + ops.take(self.time_biases[index], buckets, axis=0)
            bias = ops.transpose(bias, (0, 3, 1, 2))

            def weigh(products, bias=bias):
                weights = ops.silu(products + ops.cast(bias, products.dtype)) / self.max_length
                return weights * ops.cast(blocks.visible[:, None], weights.dtype)

            projected = self.projections[index](self.norms[index](x))
            gate, queries_keys_values = projected[:, : x.shape[-1]], projected[:, x.shape[-1] :]
            attended = attend(blocks, queries_keys_values, self.num_heads, weigh)
            made = self.outputs[index](self.attended_norms[index](attended) * gate)
            x = x + self.dropout(made, training=training)
        return x

    def get_config(self):
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "dropout": self.dropout_rate,
            "use_times": self.use_times,
        }


def _time_buckets(blocks: Blocks, times):
    """Returns the bucket of the time between two events: `[num_blocks, size, 2 * size]` int32."""
    times = ops.cast(times, "int32")
    between = blocks.own(times)[:, :, None] - blocks.both(times)[:, None, :]
    seconds = ops.cast(ops.maximum(between, 0), "float32")
    return ops.cast(ops.floor(ops.log2(seconds + 1)), "int32")
