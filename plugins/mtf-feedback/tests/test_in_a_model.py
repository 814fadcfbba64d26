"""The tasks in a model, and found as a plugin."""

import importlib.metadata

import keras
import mtf_feedback
from mtf_feedback import Count, DwellTime, ListwiseRanking, OrdinalRating, PairwiseRanking, Value

import mtframework as mtf
from mtframework.testing import check_task, each_clause

TASKS = {
    "stars": lambda: OrdinalRating("stars", label="stars", hidden_units=[8]),
    "visits": lambda: Count("visits", label="visits"),
    "dwell": lambda: DwellTime("dwell", label="seconds", score="mean"),
    "worth": lambda: Value("worth", label="spent"),
    "pairs": lambda: PairwiseRanking("pairs", label="stars", query="reader", hidden_units=[4]),
    "lists": lambda: ListwiseRanking("lists", label="stars", query="reader", hidden_units=[4]),
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


test_stars_keep_the_contract = each_clause(check_task, TASKS["stars"], labels=[1, 2, 3, 4, 5])
test_visits_keep_the_contract = each_clause(check_task, TASKS["visits"], labels=[0, 1, 7])
test_dwell_keeps_the_contract = each_clause(check_task, TASKS["dwell"], labels=[2, 1, 70])
test_worth_keeps_the_contract = each_clause(check_task, TASKS["worth"], labels=[0, 1, 70])
test_pairs_keep_the_contract = each_clause(
    check_task, TASKS["pairs"], labels=[1, 3, 5], compares_rows=True, query="reader"
)
test_lists_keep_the_contract = each_clause(
    check_task, TASKS["lists"], labels=[1, 3, 5], compares_rows=True, query="reader"
)


def test_the_host_finds_the_plugin():
    found = importlib.metadata.entry_points(group="mtframework.plugins")
    assert "mtf_feedback" in {entry_point.value for entry_point in found}
    for name in mtf_feedback.__all__:
        assert issubclass(getattr(mtf_feedback, name), mtf.Task)
