"""Layers that were frozen before they had weights."""

import keras


def freeze(layer: keras.layers.Layer) -> None:
    """Freezes everything that a frozen layer holds by now.

    Keras passes `trainable` on to the weights there are when it is set. What is built later is not
    told, and on TensorFlow setting it again does nothing: an attribute that has the value already
    is not set.

    Args:
        layer: A layer whose `trainable` is False.
    """
    for inner in layer._flatten_layers():
        inner.trainable = False
    for variable in layer.variables:
        variable.trainable = False
