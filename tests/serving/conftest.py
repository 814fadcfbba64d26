"""A model with random weights, and some who ask it."""

import keras
import numpy as np
import pytest
from wide_shop import make_model, make_rows, make_tasks, make_towers

import mtframework as mtf

# A SavedModel is TensorFlow's.
collect_ignore = [] if keras.backend.backend() == "tensorflow" else ["test_export.py"]


@pytest.fixture(scope="session")
def wide_model() -> mtf.MultiTaskModel:
    keras.utils.set_random_seed(0)
    return make_model(make_towers(), make_tasks())


@pytest.fixture(scope="session")
def queries() -> dict[str, np.ndarray]:
    """Nine queries; training never met the last one, nor one of the first one's interests."""
    rows = make_rows(9, seed=4)
    names = ("shopper", "age", "interests", "when")
    chosen = {name: rows[name].astype(object) for name in names}
    chosen["shopper"][-1] = "nobody"
    chosen["interests"][0] = "tea|tanks||ties"
    return {name: np.array(values.tolist()) for name, values in chosen.items()}
