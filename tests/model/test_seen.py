"""What counts as seen is what the task says: recommended, judged and exported alike."""

import json

import keras
import numpy as np
import pytest

import mtframework as mtf
from mtframework.errors import DataError, ModelError

SCHEMA = mtf.Schema(
    (
        mtf.Column("who", "categorical", "query"),
        mtf.Column("what", "categorical", "candidate"),
        mtf.Column("cart", "numeric", "label"),
        mtf.Column("buy", "numeric", "label"),
        mtf.Column("back", "numeric", "label"),
    ),
    query_key="who",
    candidate_key="what",
)
# ann put a and b into the cart, bought b and c, and b twice; c came back.
TRAIN = {
    "who": np.array(["ann"] * 5 + ["bob"] * 2),
    "what": np.array(["a", "b", "b", "c", "d", "d", "e"]),
    "cart": np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    "buy": np.array([0.0, 0.0, 1.0, 1.0, np.nan, 1.0, 1.0]),
    "back": np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
}
TEST = {name: values[:1] for name, values in TRAIN.items()} | {"buy": np.array([1.0])}
CATALOGUE = {"what": np.array(["a", "b", "c", "d", "e", "f"])}


def adapted(**arguments) -> mtf.MultiTaskModel:
    keras.utils.set_random_seed(3)
    model = mtf.MultiTaskModel(
        [mtf.Tower("who", ["who"], embedding_dim=4), mtf.Tower("what", ["what"], embedding_dim=4)],
        [
            mtf.Retrieval("find", label="buy", positive_from=1.0, query="who", candidate="what",
                          **arguments),
            mtf.Retrieval("any", query="who", candidate="what"),
        ],
    )  # fmt: skip
    model.adapt(mtf.Dataset(SCHEMA, TRAIN, TEST, CATALOGUE))
    return model


def shown(model, task="find") -> set[str]:
    return set(model.recommend({"who": ["ann"]}, k=6, task=task)["what"][0]) - {""}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "adef"),
        ({"seen": "own"}, "adef"),
        ({"seen": "any"}, "ef"),
        ({"seen": "none"}, "abcdef"),
        ({"seen": ["cart"]}, "cdef"),
        ({"seen": ["cart", "back"]}, "def"),
    ],
)
def test_what_is_recommended(arguments, expected, tmp_path):
    model = adapted(**arguments)
    assert shown(model) == set(expected)
    assert shown(model, "any") == set("ef")
    found = mtf.Recommender(model).recommend({"who": ["ann", "bob"]}, k=6)
    assert set(found.ids[0]) - {""} == set(expected)
    by_task = mtf.Recommender.by_task(model, "any").recommend({"who": ["ann"]}, k=6)
    assert set(by_task.ids[0]) - {""} == set("ef")
    model.save(tmp_path / "m.keras")
    assert shown(mtf.load_model(tmp_path / "m.keras")) == set(expected)


def test_filtered_metrics_leave_out_what_counts_as_seen():
    model = adapted(seen="any")
    data = mtf.Dataset(SCHEMA, TRAIN, TEST, CATALOGUE)
    scores = model.recommend({"who": ["ann"]}, k=6, exclude_seen=False, task="find")
    order = scores["what"][0].tolist()
    for seen, left_out in (("any", "bcd"), ("own", "bc"), ("none", "")):
        model = adapted(seen=seen)
        rank = [each for each in order if each not in left_out].index("a")
        found = mtf.evaluate(model, data)
        assert found["find/mrr_filtered"] == pytest.approx(1 / (rank + 1))
        assert found["find/mrr"] == pytest.approx(1 / (order.index("a") + 1))


@pytest.mark.parametrize(
    ("seen", "error", "found"),
    [
        ("owm", ModelError, "has seen = 'owm'."),
        ([], ModelError, "has seen = []."),
        (["carts"], DataError, 'no column "carts"'),
    ],
)
def test_what_is_refused(seen, error, found):
    with pytest.raises(error) as raised:
        adapted(seen=seen)
    assert found in raised.value.found


def test_configuration():
    for seen in ("own", ["cart", "buy"]):
        task = mtf.Retrieval("find", query="who", candidate="what", seen=seen)
        again = mtf.Retrieval.from_config(json.loads(json.dumps(task.get_config())))
        assert again.get_config()["seen"] == seen
