"""The states of a backend's own random generators, which a whole process shares."""

import importlib
from collections.abc import Sequence

import keras
import numpy as np


def backend_state() -> list[np.ndarray]:
    """Returns the states of the backend's own generators: torch has some, the others none.

    On torch, Keras draws dropout from them where a layer has no seed.
    """
    if keras.backend.backend() != "torch":
        return []
    torch = importlib.import_module("torch")
    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return [each.numpy().copy() for each in states]


def set_backend_state(states: Sequence[np.ndarray]) -> None:
    """Sets what `backend_state` returned."""
    if keras.backend.backend() != "torch":
        return
    torch = importlib.import_module("torch")
    first, *others = (torch.from_numpy(each.copy()) for each in states)
    torch.set_rng_state(first)
    torch.cuda.set_rng_state_all(others)
