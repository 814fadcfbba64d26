"""What every test may use."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from shop import make_shop, make_tasks, make_towers

import mtframework as mtf


@pytest.fixture
def shop() -> mtf.Dataset:
    return make_shop()


@pytest.fixture
def model(shop) -> mtf.MultiTaskModel:
    """A compiled, untrained model of three tasks."""
    import keras

    keras.utils.set_random_seed(0)
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    model.adapt(shop)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    return model
