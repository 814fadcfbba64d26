"""What every test may use."""

import gc
import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings
from shop import make_shop, make_tasks, make_towers

import mtframework as mtf

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What compiled steps leave behind is many objects and little garbage: looking through them all the
# time takes a tenth of the tests' time.
gc.set_threshold(100_000, 50, 100)

# A shell starts what it runs in the background with Ctrl-C ignored, and tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests of a minute or so, longest first. With several workers none of them is left for the end,
# when the others have nothing to do.
LONG = (
    "test_new_user.py",
    "config/test_mutations.py",
    "docs/test_tutorial.py",
    "docs/test_code_blocks.py",
    "training/test_resume.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        ends = [item.path.as_posix().endswith(f"tests/{name}") for name in LONG]
        return ends.index(True) if any(ends) else len(LONG)

    items.sort(key=place)


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
