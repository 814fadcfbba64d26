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
