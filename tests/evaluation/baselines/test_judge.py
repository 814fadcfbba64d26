"""Baselines' metrics against counts over rows, written out."""

from collections import Counter

import numpy as np
import pytest
from shop import make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.evaluation.baselines.judge import judge_baselines


@pytest.fixture(scope="module")
def shop():
    return make_shop()


@pytest.fixture(scope="module")
def model(shop):
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    model.adapt(shop)
    return model


@pytest.fixture(scope="module")
def results(model, shop):
    return {each.experiment: each for each in judge_baselines(model, shop)}


def test_every_task_has_its_baselines(results):
    assert list(results) == ["constant", "popularity", "item-kNN", "EASE", "ALS (implicit)"]
    assert set(results["constant"].metrics) == {"rating/rmse", "rating/mae", "buy/auc"}
    assert {"find/top_10", "find/top_10_filtered", "find/mrr"} <= set(results["EASE"].metrics)


def test_constant_is_the_mean_of_the_labels(results, shop):
    labels = shop.test["stars"][~np.isnan(shop.test["stars"])].astype("float64")
    errors = labels - np.nanmean(shop.train["stars"].astype("float64"))
    metrics = results["constant"].metrics
    assert metrics["rating/rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-5)
    assert metrics["buy/auc"] == pytest.approx(0.5, abs=1e-3)


def test_popularity_by_counting(results, shop):
    pairs = set(zip(shop.train["shopper"], shop.train["product"], strict=True))
    counts = Counter(product for _, product in pairs)
    hits = {"": 0, "_filtered": 0}
    reciprocal = 0.0
    for shopper, product in zip(shop.test["shopper"], shop.test["product"], strict=True):
        higher = [each for each in shop.catalogue["product"] if counts[each] > counts[product]]
        equal = [each for each in shop.catalogue["product"] if counts[each] == counts[product]]
        equal.remove(product)
        unseen = [each for each in higher if (shopper, each) not in pairs]
        equal_unseen = [each for each in equal if (shopper, each) not in pairs]
        rank, filtered = len(higher) + len(equal) / 2, len(unseen) + len(equal_unseen) / 2
        hits[""] += rank <= 4
        hits["_filtered"] += filtered <= 4
        reciprocal += 1 / (filtered + 1)
    metrics = results["popularity"].metrics
    assert metrics["find/top_5"] == pytest.approx(hits[""] / 100)
    assert metrics["find/top_5_filtered"] == pytest.approx(hits["_filtered"] / 100)
    assert metrics["find/mrr_filtered"] == pytest.approx(reciprocal / 100)


def test_what_is_learned_from_who_has_what_beats_popularity(results):
    # Even and odd shoppers look at different halves of the products.
    for name in ("item-kNN", "EASE"):  # ALS's regularization is for far more data
        assert results[name].metrics["find/top_10"] > results["popularity"].metrics["find/top_10"]


def test_task_without_a_row_in_the_split_is_left_out(model, shop):
    rows = shop_rows(50, seed=9)
    rows["stars"][:] = np.nan
    [constant, *_] = judge_baselines(model, make_shop(test=rows))
    assert set(constant.metrics) == {"buy/auc"}


def test_a_query_that_nobody_knows_gets_what_is_popular(model):
    rows = shop_rows(50, seed=9)
    rows["shopper"][:] = 99
    found = {each.experiment: each.metrics for each in judge_baselines(model, make_shop(test=rows))}
    of_retrieval = {name: value for name, value in found["popularity"].items() if "find/" in name}
    for name in ("item-kNN", "EASE", "ALS (implicit)"):
        assert found[name] == of_retrieval
