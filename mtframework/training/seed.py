"""One seed for everything random."""

import importlib
import random

import keras
import numpy as np


def set_seed(seed: int) -> None:
    """Makes everything random that follows depend on the seed alone."""
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
        return
    # Keras's own function would import TensorFlow on the other backends as well.
    random.seed(seed)
    np.random.seed(seed)
    if keras.backend.backend() == "torch":
        importlib.import_module("torch").manual_seed(seed)


def draw_anew(model: keras.Model) -> None:
    """Lets layers that drew their seeds when they were made draw them again, by the seed of now.

    A layer that was given a seed keeps it.

    Args:
        model: A model whose weights are not made yet.
    """
    for layer in model._flatten_layers():
        for value in vars(layer).values():
            if isinstance(value, keras.initializers.Initializer):
                if hasattr(value, "seed") and getattr(value, "_init_seed", None) is None:
                    value.seed = random.randint(1, int(1e9))
            elif isinstance(value, keras.random.SeedGenerator) and value._initial_seed is None:
                value.state.assign([random.randint(1, int(1e9)), 0])
