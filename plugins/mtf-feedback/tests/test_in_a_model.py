"""The tasks in a model, and found as a plugin."""

import importlib.metadata

import keras
import mtf_feedback
import pytest
from mtf_feedback import Count, DwellTime, ListwiseRanking, OrdinalRating, PairwiseRanking, Value

import mtframework as mtf
from mtframework.testing import check_task

TASKS = {
    "stars": lambda: OrdinalRating("stars", label="stars", hidden_units=[8]),
    "visits": lambda: Count("visits", label="visits"),
    "dwell": lambda: DwellTime("dwell", label="seconds", score="mean"),
    "worth": lambda: Value("worth", label="spent"),
    "pairs": lambda: PairwiseRanking("pairs", label="stars", query="reader", hidden_units=[4]),
    "lists": lambda: ListwiseRanking("lists", label="stars", query="reader", hidden_units=[4]),
}
LABELS = {
    "stars": [1, 2, 3, 4, 5],
    "visits": [0, 1, 7],
    "dwell": [2, 1, 70],
    "worth": [0, 1, 70],
    "pairs": [1, 3, 5],
    "lists": [1, 3, 5],
}


def test_all_of_them_learn_together(dataset):
    keras.utils.set_random_seed(0)
    towers = [mtf.Tower("reader", ["reader"]), mtf.Tower("page", ["page"])]
    model = mtf.MultiTaskModel(towers, [make() for make in TASKS.values()])
    model.adapt(dataset)
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    columns = (model.feature_columns, model.label_columns)
    batches = mtf.Batches(dataset.encode(dataset.train), *columns, batch_size=100)
    history = model.fit(batches, epochs=3, verbose=0).history
    for name in TASKS:
        assert history[f"{name}/loss"][-1] < history[f"{name}/loss"][0]


@pytest.mark.parametrize("name", TASKS)
def test_keeps_the_contract_of_a_task(name):
    check_task(TASKS[name], LABELS[name], compares_rows=name in ("pairs", "lists"), query="reader")


def test_the_host_finds_the_plugin():
    found = importlib.metadata.entry_points(group="mtframework.plugins")
    assert "mtf_feedback" in {entry_point.value for entry_point in found}
    for name in mtf_feedback.__all__:
        assert issubclass(getattr(mtf_feedback, name), mtf.Task)
