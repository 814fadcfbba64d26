"""The area under the ROC curve within each query, and which rows it leaves out."""

import numpy as np
import pytest
from shop import make_shop, make_towers

import mtframework as mtf
from mtframework.metrics.auc_per_query import AreaUnderCurvePerQuery
from mtframework.training.train import batches_of


def test_queries_are_weighted_with_their_rows():
    # Query 3: of two pairs one is in order and one a tie; query 8: its pair is out of order; query
    # 5 has no negative.
    labels = np.array([1, 0, 1, 0, 0, 1])
    scores = np.array([0.4, 0.9, 0.6, 0.2, 0.4, 0.1])
    queries = np.array([3, 8, 8, 3, 3, 5])
    expected = (3 * 0.75 + 2 * 0.0) / 5
    assert AreaUnderCurvePerQuery.exact(labels, scores, queries) == pytest.approx(expected)


def test_against_scikit_learn_query_by_query():
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(5)
    queries = draw.integers(0, 60, 1500)
    labels = (draw.random(1500) < 0.1).astype("float32")
    scores = np.round(draw.normal(labels + queries % 7, 1.0), 1)
    areas, num = [], []
    for query in range(1, 60):
        some = queries == query
        if 0 < labels[some].sum() < some.sum():
            areas.append(sklearn_metrics.roc_auc_score(labels[some], scores[some]))
            num.append(some.sum())
    assert 0 < len(areas) < 59  # some queries have one class
    expected = np.average(areas, weights=num)
    assert AreaUnderCurvePerQuery.exact(labels, scores, queries) == pytest.approx(expected)


@pytest.mark.parametrize("queries", [[0, 0, 0], [1, 2, 2], []])
def test_it_is_undefined_where_no_known_query_has_both_classes(queries):
    labels, scores = np.array([1, 0, 0])[: len(queries)], np.array([0.3, 0.2, 0.1])[: len(queries)]
    assert np.isnan(AreaUnderCurvePerQuery.exact(labels, scores, np.array(queries, "int32")))


def make_model(shop) -> mtf.MultiTaskModel:
    task = mtf.BinaryFeedback("buy", label="bought", metrics=["auc", "gauc"])
    model = mtf.MultiTaskModel(make_towers(), [task])
    model.adapt(shop)
    model.compile(optimizer="adam")
    return model


def test_evaluate_reports_it_and_batches_do_not():
    shop = make_shop()
    model = make_model(shop)
    history = model.fit(batches_of(model, shop, "train", 100), epochs=1, verbose=0)
    assert "buy/auc" in history.history
    assert "buy/gauc" not in history.history
    found = mtf.evaluate(model, shop)
    rows = shop.encode(shop.test)
    scores = model.predict({name: rows[name] for name in model.feature_columns}, verbose=0)["buy"]
    expected = AreaUnderCurvePerQuery.exact(shop.test["bought"], scores, rows["shopper"])
    assert found["buy/gauc"] == pytest.approx(expected)
    assert not [note for note in found.notes if "gauc" in note]


def test_rows_of_unknown_queries_are_left_out_and_said():
    shop = make_shop()
    model = make_model(shop)
    some = np.arange(100) < 30
    strangers = np.where(some, shop.test["shopper"] + 1000, shop.test["shopper"])
    found = mtf.evaluate(model, make_shop(test={**shop.test, "shopper": strangers}))
    known = {name: values[~some] for name, values in shop.test.items()}
    assert found["buy/gauc"] == mtf.evaluate(model, make_shop(test=known))["buy/gauc"]
    assert "buy/gauc: 30 of 100 rows have a query never seen in training." in found.notes


def test_it_is_compared_with_the_mean_which_orders_nothing():
    from mtframework.evaluation.baselines.judge import judge_baselines

    shop = make_shop()
    [constant] = judge_baselines(make_model(shop), shop)
    assert constant.metrics["buy/gauc"] == 0.5
