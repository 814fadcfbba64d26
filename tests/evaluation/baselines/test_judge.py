"""Baselines' metrics against counts over rows, written out."""

from collections import Counter

import numpy as np
import pytest
from shop import make_shop, make_tasks, make_towers, shop_rows
from who_what_when import SCHEMA

import mtframework as mtf
from mtframework.evaluation.baselines import ease
from mtframework.evaluation.baselines.judge import judge_baselines

FIRST = "other feedback first, then item-kNN"


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
    return {each.experiment: each for each in judge_baselines(model, shop, say=lambda _: None)}


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


def test_without_a_timestamp_what_needs_order_is_left_out(model, shop):
    said = []
    judge_baselines(model, shop, say=said.append)
    assert [sentence.split(". The rows have no order")[0] for sentence in said] == [
        "item-to-item counts is left out",
        "own frequency is left out",
    ]


def judged(tasks, shop):
    model = mtf.MultiTaskModel(make_towers(), tasks)
    model.adapt(shop)
    found = judge_baselines(model, shop, say=lambda _: None)
    return {each.experiment: each.metrics for each in found}


def of(task, metrics):
    return {name.split("/")[1]: each for name, each in metrics.items() if name.startswith(task)}


def test_several_kinds_of_feedback_are_learned_from_together(shop):
    pair = {"query": "shopper", "candidate": "product"}
    every, bought = mtf.Retrieval("every", **pair), {"label": "bought", "positive_from": 1.0}
    both = judged([every, mtf.Retrieval("buys", seen="any", **bought, **pair)], shop)
    alone = judged([mtf.Retrieval("buys", seen="any", **bought, **pair)], shop)
    assert not any("feedback" in name for name in alone)
    for name in ("popularity", "item-kNN", "EASE", "ALS (implicit)"):
        # What is learned from all of them is what the task that takes every row learns.
        assert of("every", both[f"{name}, all feedback"]) == of("every", both[name])
        assert of("buys", both[name]) == of("buys", alone[name])
        assert of("buys", both[f"{name}, all feedback"]) != of("buys", both[name])
    by_own = both["item-kNN, all feedback, asked by its own"]
    assert of("every", by_own) == of("every", both["item-kNN"])
    assert of("buys", by_own) not in (
        of("buys", both["item-kNN"]), of("buys", both["item-kNN, all feedback"])
    )  # fmt: skip
    # Who has everything by one kind has nothing by another one.
    assert of("every", both[FIRST]) == of("every", both["item-kNN"])


def test_what_lies_in_the_cart_is_first():
    schema = mtf.Schema(
        (
            mtf.Column("who", "categorical", "query"),
            mtf.Column("what", "categorical", "candidate"),
            mtf.Column("buy", "numeric", "label"),
            mtf.Column("cart", "numeric", "label"),
        ),
        "who",
        "what",
    )
    train = {"who": [0, 0, 1, 1], "what": [0, 3, 0, 1], "buy": [1, 0, 1, 1], "cart": [0, 1, 0, 0]}
    test = {"who": [0, 0], "what": [1, 3], "buy": [1, 1], "cart": [0, 0]}
    data = mtf.Dataset(
        schema,
        *({name: np.array(each, "float32" if name in ("buy", "cart") else "int64")
           for name, each in rows.items()} for rows in (train, test)),
        catalogue={"what": np.arange(4)},
    )  # fmt: skip
    pair = {"query": "shopper", "candidate": "product", "positive_from": 1.0}
    tasks = [mtf.Retrieval(name, label=name, **pair) for name in ("buy", "cart")]
    towers = [mtf.Tower("shopper", ["who"]), mtf.Tower("product", ["what"])]
    model = mtf.MultiTaskModel(towers, tasks)
    model.adapt(data)
    found = {
        each.experiment: each.metrics for each in judge_baselines(model, data, say=lambda _: None)
    }
    # Of 0's two purchases, 3 lies in the cart; 1 is what others buy with 0.
    assert found[FIRST]["buy/top_1_filtered"] == 0.5
    assert found[FIRST]["buy/mrr_filtered"] == pytest.approx((1 + 1 / 2) / 2)
    # By item-kNN of purchases, 3 is among the two that nothing speaks for.
    assert found["item-kNN"]["buy/mrr_filtered"] == pytest.approx((1 + 1 / 2.5) / 2)


def test_rows_that_stand_in_the_order_of_time_need_no_timestamp(model):
    said = []
    judge_baselines(model, make_shop(rows_in_order=True), say=said.append)
    assert said == []


def test_methods_that_need_order_get_it_from_the_timestamp():
    # Everybody has 0, 1, 2 in this order, and whoever has 0 last is to find 1.
    people = np.repeat(np.arange(6), 3)
    rows = {"who": people, "what": np.tile([2, 0, 1], 6), "when": np.tile([30, 10, 20], 6)}
    last = {"who": np.array([6, 7]), "what": np.array([0, 0]), "when": np.array([5, 5])}
    data = mtf.Dataset(
        SCHEMA,
        train={name: np.concatenate([rows[name], last[name]]) for name in rows},
        test={"who": np.array([6, 7]), "what": np.array([1, 2]), "when": np.array([9, 9])},
        catalogue={"what": np.arange(3)},
    )
    towers = [mtf.Tower("a", ["who"], embedding_dim=2), mtf.Tower("b", ["what"], embedding_dim=2)]
    model = mtf.MultiTaskModel(towers, [mtf.Retrieval("find", query="a", candidate="b")])
    model.adapt(data)
    found = {each.experiment: each.metrics for each in judge_baselines(model, data)}
    # 1 comes one event after 0, 2 comes two events after it.
    assert found["item-to-item counts"]["find/top_1_filtered"] == 0.5
    assert found["item-to-item counts"]["find/mrr_filtered"] == pytest.approx((1 + 1 / 2) / 2)


def test_what_came_before_a_row_asks_and_is_seen(model):
    """After 0, trained on, and 1, validated on, 2 is asked for by both, and neither is left."""
    chains = {"user": np.repeat(np.arange(5), 3), "item": np.tile([0, 1, 2], 5)}
    schema = mtf.Schema(
        (
            mtf.Column("user", "categorical", "query"),
            mtf.Column("item", "categorical", "candidate"),
        ),
        "user",
        "item",
    )
    data = mtf.Dataset(
        schema,
        train={
            "user": np.append(chains["user"], [9, 8]),
            "item": np.append(chains["item"], [0, 3]),
        },
        validation={"user": np.array([9]), "item": np.array([1])},
        test={"user": np.array([9, 10]), "item": np.array([2, 0])},
        catalogue={"item": np.arange(4)},
        rows_in_order=True,
    )
    towers = [mtf.Tower("a", ["user"], embedding_dim=2), mtf.Tower("b", ["item"], embedding_dim=2)]
    chained = mtf.MultiTaskModel(towers, [mtf.Retrieval("find", query="a", candidate="b")])
    chained.adapt(data)
    found = {each.experiment: each.metrics for each in judge_baselines(chained, data)}
    # 2 follows 1 and 0; the unknown user 10 has what is popular, which 0 is.
    assert found["item-to-item counts"]["find/mrr"] == pytest.approx(1.0)
    # 0 (6 times) and 1 (5) are before 2 (5, half of whose equals are) until they are left out.
    assert found["popularity"]["find/mrr"] == pytest.approx((1 / 2.5 + 1) / 2)
    assert found["popularity"]["find/mrr_filtered"] == pytest.approx(1.0)


def test_who_buys_again_is_asked_by_all_that_came_before():
    """By rows of weeks: at the second test row it is known what was bought at the first."""

    def rows(*events):
        return dict(zip(("who", "what", "when"), map(np.array, zip(*events, strict=True)),
                        strict=True))  # fmt: skip

    # 0 has 3 three times, 1 has 4, and everybody else has 5.
    data = mtf.Dataset(
        SCHEMA,
        train=rows((0, 3, 1), (0, 3, 2), (0, 3, 3), (1, 4, 4), (2, 5, 5), (3, 5, 6), (4, 5, 7)),
        test=rows((0, 3, 10), (1, 5, 11), (1, 5, 12), (0, 4, 13), (77, 5, 14), (88, 4, 15)),
        catalogue={"what": np.arange(6)},
    )
    towers = [mtf.Tower("a", ["who"], embedding_dim=2), mtf.Tower("b", ["what"], embedding_dim=2)]
    model = mtf.MultiTaskModel(
        towers, [mtf.Retrieval("find", query="a", candidate="b", seen="none")]
    )
    model.adapt(data)
    found = {each.experiment: each.metrics for each in judge_baselines(model, data)}
    # Ranks: 3 is first for 0. For 1, 5 is behind 4, and then second by half: both were had once,
    # but 5 later. To 0, 4 is behind 3 and 5, and level with no other. Who is new takes what is
    # popular: 5, then 3 and 4, which one query has each.
    ranks = [0, 1, 0, 2, 0, 1.5]
    metrics = found["own frequency"]
    assert metrics["find/mrr"] == pytest.approx(np.mean([1 / (rank + 1) for rank in ranks]))
    # Together: 0 has 3 and 4 at the ranks 0 and 2 of its first list, 1 has 5 at the rank 1 of its
    # first one, and the two new ones are two.
    in_lists = [1 + 1 / 2, 1 / np.log2(3), 1, 1 / np.log2(3.5)]
    ideal = [1 + 1 / np.log2(3), 1, 1, 1]
    expected = np.mean(np.divide(in_lists, ideal))
    assert metrics["find/ndcg_10_per_query"] == pytest.approx(expected)
    assert metrics["find/recall_10_per_query"] == 1


def test_a_method_that_refuses_the_data_is_left_out(model, shop, monkeypatch):
    monkeypatch.setattr(ease, "available_memory", lambda: 100)
    said = []
    found = [each.experiment for each in judge_baselines(model, shop, say=said.append)]
    assert found == ["constant", "popularity", "item-kNN", "ALS (implicit)"]
    assert "EASE is left out. EASE of 30 candidates takes 0.0 GB" in said[1]


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
