"""The tasks in a model, and found as a plugin."""

import importlib.metadata

import keras
import mtf_feedback
import numpy as np
import pytest
from mtf_feedback import Count, DwellTime, ListwiseRanking, OrdinalRating, PairwiseRanking, Value

import mtframework as mtf

TASKS = {
    "stars": lambda: OrdinalRating("stars", label="stars", hidden_units=[8]),
    "visits": lambda: Count("visits", label="visits"),
    "dwell": lambda: DwellTime("dwell", label="seconds", score="mean"),
    "worth": lambda: Value("worth", label="spent"),
    "pairs": lambda: PairwiseRanking("pairs", label="stars", query="reader", loss="hinge"),
    "lists": lambda: ListwiseRanking("lists", label="stars", query="reader"),
}


def model_of(dataset, names):
    keras.utils.set_random_seed(0)
    towers = [mtf.Tower("reader", ["reader"]), mtf.Tower("page", ["page"])]
    model = mtf.MultiTaskModel(towers, [TASKS[name]() for name in names])
    model.adapt(dataset)
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    return model


def test_all_of_them_learn_save_and_load(dataset, tmp_path):
    model = model_of(dataset, TASKS)
    columns = (model.feature_columns, model.label_columns)
    batches = mtf.Batches(dataset.encode(dataset.train), *columns, batch_size=100)
    history = model.fit(batches, epochs=3, verbose=0).history
    for name in TASKS:
        assert history[f"{name}/loss"][-1] < history[f"{name}/loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rows = model.encode(dataset.test)
    before, after = model.predict(rows, verbose=0), loaded.predict(rows, verbose=0)
    for name in TASKS:
        assert before[name].shape == (200,)
        np.testing.assert_allclose(after[name], before[name], rtol=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_config_makes_an_equal_task(name):
    task = TASKS[name]()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(task))
    assert again.get_config() == task.get_config()


def test_the_host_finds_the_plugin():
    found = importlib.metadata.entry_points(group="mtframework.plugins")
    assert "mtf_feedback" in {entry_point.value for entry_point in found}
    for name in mtf_feedback.__all__:
        assert issubclass(getattr(mtf_feedback, name), mtf.Task)
