"""A recurrent network with gates."""

from keras import ops

from mtframework.registry import register_encoder
from mtframework.towers.encoders.blocks import Blocks, dense, positions
from mtframework.towers.encoders.encoder import Encoder


@register_encoder("gated_recurrent")
class GatedRecurrent(Encoder):
    """A gated recurrent unit (Cho et al. 2014), as GRU4Rec has it (Hidasi et al. 2016).

    With the state `h`, which is zero before a history's first event,

        r, z = sigmoid(W event + U h)
        n    = tanh(W' event + r ⊙ U' h)
        h    = (1 − z) ⊙ n + z ⊙ h

    All blocks of the packed events run side by side, each from the beginning of the one before it,
    within which every history of its events begins. A step of training takes twice as many steps in
    turn as a history may be long, so this is the slowest encoder.

    Args:
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> encoder = GatedRecurrent()
    >>> encoder.build(dim=4, max_length=3)
    >>> tuple(encoder(np.ones((5, 4), "float32"), np.array([0, 0, 0, 3, 3])).shape)
    (5, 4)
    """

    def build(self, dim, max_length):
        self.max_length = max_length
        self.of_events = dense(dim, 3 * dim)
        self.of_state = self.add_weight((dim, 3 * dim), "glorot_uniform", name="of_state")

    def call(self, events, starts, times=None, training=None):
        blocks = Blocks(starts, self.max_length)
        projected = blocks.both(self.of_events(events))
        goes_on = blocks.both(ops.cast(positions(starts) > 0, projected.dtype))
        of_state = ops.cast(self.of_state, projected.dtype)
        dim = projected.shape[-1] // 3

        def step(state, of_event):
            given, is_same = of_event
            state = state * ops.expand_dims(is_same, -1)
            remembered = ops.matmul(state, of_state)
            gates = ops.sigmoid(given[:, : 2 * dim] + remembered[:, : 2 * dim])
            reset, update = gates[:, :dim], gates[:, dim:]
            new = ops.tanh(given[:, 2 * dim :] + reset * remembered[:, 2 * dim :])
            state = (1 - update) * new + update * state
            return state, state

        in_turn = ops.transpose(projected, (1, 0, 2)), ops.transpose(goes_on, (1, 0))
        _, states = ops.scan(step, ops.zeros_like(projected[:, 0, :dim]), in_turn)
        return blocks.joined(ops.transpose(states[blocks.size :], (1, 0, 2)))
