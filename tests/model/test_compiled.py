"""Compiled functions of a model's columns: hand arithmetic, whatever the number of rows."""

import keras
import numpy as np
import pytest
from wide_shop import make_model, make_rows, make_tasks, make_towers

import mtframework as mtf
from mtframework.model.compiled import Compiled


@pytest.fixture
def doubling():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [2.0]])])
    return model


def test_any_number_of_rows_and_the_weights_of_now(doubling):
    compiled = Compiled(doubling, lambda columns: {"sum": doubling(columns["numbers"])[:, 0]})
    numbers = np.arange(14, dtype="float32").reshape(7, 2)
    for num_rows in (1, 2, 7, 3, 0):
        found = compiled.run({"numbers": numbers[:num_rows]})["sum"]
        assert found.tolist() == [x + 2 * y for x, y in numbers[:num_rows].tolist()]
    doubling.set_weights([np.array([[0.5], [0.0]])])
    assert compiled.run({"numbers": numbers[:3]})["sum"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("pooling", ["sum", "attention"])
def test_a_recommender_looks_histories_up_and_leaves_the_model_as_it_is(pooling):
    tower = mtf.HistoryTower(
        "shopper", "product", "shopper", ["shopper", mtf.Bucketed("age", 3)], pooling, "stars",
        embedding_dim=6,
    )  # fmt: skip
    model = make_model([tower, make_towers()[1]], make_tasks())
    rows = make_rows(9, seed=4)
    queries = {name: rows[name] for name in ("shopper", "age")}
    expected = model.recommend(queries, k=5)
    found = mtf.Recommender(model).recommend(queries, k=5)
    assert found.ids.tolist() == expected["product"].tolist()
    np.testing.assert_allclose(found.score, expected["score"], rtol=1e-5)
    assert tower.precomputed is None
    tower.interactions.assign(np.zeros(tower.interactions.shape, "float32"))
    assert np.abs(model.recommend(queries, k=5)["score"] - expected["score"]).max() > 1e-3
