"""Causal self-attention."""

import keras
from keras import ops

from mtframework.arguments import check_count, check_share
from mtframework.part import Policy
from mtframework.registry import register_encoder
from mtframework.towers.encoders.blocks import (
    Blocks,
    attend,
    check_heads,
    dense,
    layer_norm,
    positions,
)
from mtframework.towers.encoders.encoder import Encoder


@register_encoder("transformer")
class Transformer(Encoder):
    """Layers of causal self-attention, as SASRec has them (Kang & McAuley 2018).

    A learned vector of the event's number in its history is added to it; then, in each layer,

        x = x + dropout(attention(norm(x)))
        x = x + dropout(W₂ relu(W₁ norm(x)))

    and a norm in the end. Attention is scaled dot-product attention, of an event over itself and
    those before it in its history.

    Args:
        num_layers: How many layers.
        num_heads: How many heads share the dimensions, which they must divide.
        dropout: The share that is dropped in training, from 0 up to 1.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> encoder = Transformer(num_layers=1)
    >>> encoder.build(dim=4, max_length=3)
    >>> tuple(encoder(np.ones((5, 4), "float32"), np.array([0, 0, 0, 3, 3])).shape)
    (5, 4)
    """

    def __init__(
        self,
        num_layers: int = 2,
        num_heads: int = 2,
        dropout: float = 0.2,
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_layers = check_count("Transformer", "num_layers", num_layers)
        self.num_heads = check_count("Transformer", "num_heads", num_heads)
        self.dropout_rate = check_share("Transformer", "dropout", dropout, below_one=True)

    def build(self, dim, max_length):
        check_heads("Transformer", dim, self.num_heads)
        self.max_length = max_length
        self.number = self.add_weight((max_length, dim), "uniform", name="number")
        self.dropout = keras.layers.Dropout(self.dropout_rate, dtype=self.dtype_policy)
        self.norms, self.projections, self.outputs = [], [], []
        self.network_norms, self.hidden, self.networks = [], [], []
        for _ in range(self.num_layers):
            self.norms.append(layer_norm(dim))
            self.projections.append(dense(dim, 3 * dim))
            self.outputs.append(dense(dim, dim))
            self.network_norms.append(layer_norm(dim))
            self.hidden.append(dense(dim, dim, "relu"))
            self.networks.append(dense(dim, dim))
        self.norm = layer_norm(dim)

    def call(self, events, starts, times=None, training=None):
        blocks = Blocks(starts, self.max_length)

        def weigh(products):
            logits = ops.cast(products, "float32") / (events.shape[-1] // self.num_heads) ** 0.5
            return ops.softmax(ops.where(blocks.visible[:, None], logits, -1e9), axis=-1)

        numbers = ops.take(self.number, positions(starts), axis=0)
        x = self.dropout(events + ops.cast(numbers, events.dtype), training=training)
        for index in range(self.num_layers):
            projected = self.projections[index](self.norms[index](x))
            attended = self.outputs[index](attend(blocks, projected, self.num_heads, weigh))
            x = x + self.dropout(attended, training=training)
            hidden = self.hidden[index](self.network_norms[index](x))
            made = self.networks[index](self.dropout(hidden, training=training))
            x = x + self.dropout(made, training=training)
        return self.norm(x)

    def get_config(self):
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "dropout": self.dropout_rate,
        }
