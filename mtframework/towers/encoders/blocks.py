"""Packed histories in blocks, in which attention is exact and costs no padding."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mtframework.errors import ModelError


def dense(inputs: int, units: int, activation: str | None = None) -> keras.layers.Dense:
    """Returns a dense layer that has its weights."""
    layer = keras.layers.Dense(units, activation=activation)
    layer.build((None, inputs))
    return layer


def layer_norm(dim: int) -> keras.layers.LayerNormalization:
    """Returns a layer norm that has its weights."""
    layer = keras.layers.LayerNormalization(epsilon=1e-6)
    layer.build((None, dim))
    return layer


def shifted(values, steps: int):
    """Returns the values so many events before each one, zeros where there is none.

    >>> ops.convert_to_numpy(shifted(ops.array([1, 2, 3]), 1))
    array([0, 1, 2], dtype=int32)
    """
    num = ops.shape(values)[0]
    padding = [(steps, 0)] + [(0, 0)] * (len(values.shape) - 1)
    return ops.pad(values, padding)[:num]


def behind_start(starts, steps: int):
    """Returns whether the event so many before each one is of the same history: `[num_events]`."""
    return ops.arange(ops.shape(starts)[0], dtype="int32") - steps >= ops.cast(starts, "int32")


def positions(starts):
    """Returns the number of each event in its history, from 0: `[num_events]` int32."""
    starts = ops.cast(starts, "int32")
    return ops.arange(ops.shape(starts)[0], dtype="int32") - starts


def attend(blocks: "Blocks", projected, num_heads: int, weigh: Callable[[Any], Any]):
    """Returns what each event gathers from those that it may know, `[num_events, dim]`.

    Args:
        blocks: The events in blocks.
        projected: Queries, keys and values side by side: `[num_events, 3 * dim]`.
        num_heads: How many heads share the dimensions.
        weigh: Makes weights of the products of queries and keys, which are
            `[num_blocks, num_heads, size, 2 * size]`; those of events that are not `visible` are
            to be zero.
    """
    dim = projected.shape[-1] // 3
    of_heads = ops.reshape(projected, (-1, 3, num_heads, dim // num_heads))
    queries = blocks.own(of_heads[:, 0])
    keys, values = blocks.both(of_heads[:, 1]), blocks.both(of_heads[:, 2])
    weights = ops.cast(weigh(ops.einsum("nqhd,nkhd->nhqk", queries, keys)), values.dtype)
    attended = ops.einsum("nhqk,nkhd->nqhd", weights, values)
    return ops.reshape(blocks.joined(attended), (-1, dim))


def check_heads(owner: str, dim: int, num_heads: int) -> None:
    """Raises a `ModelError` where heads cannot share the dimensions equally."""
    if dim % num_heads:
        raise ModelError(
            f"{owner}.num_heads is {num_heads}, and the tower's embedding_dim is {dim}.",
            "A number of heads that divides it.",
            f"Correct {owner}.num_heads.",
        )


class Blocks:
    """Packed events cut into blocks, of which each looks at itself and at the one before it.

    A block is at least as long as a history, so that whatever an event may know is in the two.

    Args:
        starts: The place of the first event of each one's history: `[num_events]` int32.
        max_length: How many events a history has at most.

    Attributes:
        size: How long a block is.
        visible: Which events each one may know: `[num_blocks, size, 2 * size]` bool; an event of a
            block against those of the block before and its own.
        distance: How many events lie between: `[size, 2 * size]` int32, 0 for the event itself.
    """

    def __init__(self, starts, max_length: int):
        self.size = -(-max_length // 16) * 16
        self.num_events = ops.shape(starts)[0]
        self.num_blocks = -(-self.num_events // self.size)
        self._behind = self.num_blocks * self.size - self.num_events
        own, both = ops.arange(self.size), ops.arange(2 * self.size)
        self.distance = ops.cast(own[:, None] + self.size - both[None, :], "int32")
        # Of which number each event of the two blocks is, in its history; negative before it.
        number = self.own(positions(starts))[:, :, None] - self.distance
        self.visible = ops.logical_and(number >= 0, self.distance >= 0)

    def own(self, values):
        """Returns values of events, `[num_events, ...]`, as `[num_blocks, size, ...]`."""
        padding = [(0, self._behind)] + [(0, 0)] * (len(values.shape) - 1)
        padded = ops.pad(values, padding)
        return ops.reshape(padded, (self.num_blocks, self.size, *values.shape[1:]))

    def both(self, values):
        """Returns values of the block before and of each block, `[num_blocks, 2 * size, ...]`."""
        own = self.own(values)
        before = ops.concatenate([ops.zeros_like(own[:1]), own[:-1]], axis=0)
        return ops.concatenate([before, own], axis=1)

    def joined(self, values):
        """Returns values of blocks, `[num_blocks, size, ...]`, as `[num_events, ...]`."""
        flat = ops.reshape(values, (self.num_blocks * self.size, *values.shape[2:]))
        return flat[: self.num_events]
