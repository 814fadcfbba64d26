"""From a task's representation to the numbers that its predictions are made of."""

from collections.abc import Sequence

import keras
import numpy as np


def make_head(hidden_units: Sequence[int], outputs: int, use_bias: bool = True) -> keras.Sequential:
    """Returns dense ReLU layers followed by a linear one with `outputs` units.

    >>> [layer.units for layer in make_head([16, 8], outputs=2).layers]
    [16, 8, 2]
    """
    hidden = [keras.layers.Dense(units, activation="relu") for units in hidden_units]
    return keras.Sequential([*hidden, keras.layers.Dense(outputs, use_bias=use_bias)], name="head")


def start_at(head: keras.Sequential, outputs: Sequence[float]) -> None:
    """Sets the last layer's biases, so that training starts from what holds on average."""
    head.layers[-1].bias.assign(np.asarray(outputs, "float32"))
