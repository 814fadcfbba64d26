"""Whether a new model takes an old one's place."""

import numpy as np
import pytest
from keras import ops
from shop import make_shop, make_tasks, make_towers

import mtframework as mtf
from mtframework.errors import DataError, RunError
from mtframework.evaluation.promotion import PromotionRule


def make_model(tasks=None) -> mtf.MultiTaskModel:
    return mtf.MultiTaskModel(make_towers(), tasks or make_tasks())


@pytest.fixture(scope="module")
def models():
    """A model of the shop, and one of a shop that has a product more."""
    old, new = make_model(), make_model()
    old.adapt(make_shop())
    new.adapt(grown())
    return old, new


def grown() -> mtf.Dataset:
    data = make_shop()
    products = np.append(data.catalogue["product"], "a lamp")
    test = {name: values[:20].copy() for name, values in data.test.items()}
    test["product"] = np.where(np.arange(20) < 5, "a lamp", test["product"])
    return make_shop(test=test, catalogue={"product": products})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("watch/top_10", "is 'watch/top_10'"),
        ("watch/top_10 == 0", '"==" is no operator'),
        ("watch/top_10 => 0", '"=>" is no operator'),
        ("watch/top_10 >= -0.1%", '"-0.1%" is no number'),
        ("watch/top_10 >= nan", '"nan" is no number'),
        ("watch/top_10 >= 1 or so", "is 'watch/top_10 >= 1 or so'"),
        (">= 1", "is '>= 1'"),
        ("", "is ''"),
    ],
)
def test_a_rule_that_is_none_is_refused(text, found):
    with pytest.raises(RunError, match="The rule of promotion is") as raised:
        PromotionRule.parse(text)
    assert found in raised.value.found


def test_spaces_do_not_matter():
    expected = PromotionRule("rating/rmse", "<=", 0.01)
    for text in ("rating/rmse<=0.01", " rating/rmse  <=  1e-2 ", str(expected)):
        assert PromotionRule.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("find/top_11 >= 0", 'The new model has no metric "find/top_11". Did you mean'),
        ("rating/rmse >= 0", "and less is better of rating/rmse"),
        ("find/top_10 < 0", "and more is better of find/top_10"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(text, found, models):
    with pytest.raises(RunError) as raised:
        PromotionRule.parse(text).check(*models)
    assert found in raised.value.found


def test_a_metric_that_the_old_model_lacks_is_refused(models):
    old = make_model([mtf.Retrieval("find", query="shopper", candidate="product")])
    with pytest.raises(RunError, match='The old model has no metric "rating/rmse"'):
        PromotionRule.parse("rating/rmse <= 0").check(old, models[1])


def test_a_product_that_the_old_model_does_not_know_counts_as_missed(models):
    old, _ = models
    data = grown()
    known = {name: values[5:] for name, values in data.test.items()}
    of_known = mtf.evaluate(old, make_shop(test=known))
    with pytest.raises(DataError, match="not in the catalogue"):
        mtf.evaluate(old, data)
    found = mtf.evaluate(old, data, unlisted_is_missed=True)
    for name in ("find/top_10", "find/mrr", "find/ndcg_10", "find/top_5_filtered"):
        assert found[name] == pytest.approx(of_known[name] * 15 / 20)
    assert any('5 have a "product" that the catalogue lacks' in note for note in found.notes)
    # Of each shopper, its hits among the products that it has, a lamp among them.
    hits, relevant = {}, {}
    rows = old.encode({name: data.test[name][5:] for name in ("shopper", "product")})
    embedded = old.embed(old.towers, rows)
    products = old.embed(["product"], old.catalogue.columns)["product"]
    scores = ops.convert_to_numpy(embedded["shopper"] @ ops.transpose(products))
    best = np.argsort(-scores, 1)[:, :10]
    positives = old.catalogue.rows(rows["product"])
    for row in range(20):
        shopper, product = data.test["shopper"][row], data.test["product"][row]
        relevant.setdefault(shopper, set()).add(product)
        if row >= 5 and positives[row - 5] in best[row - 5]:
            hits.setdefault(shopper, set()).add(product)
    recall = np.mean([len(hits.get(each, ())) / len(relevant[each]) for each in relevant])
    assert found["find/recall_10_per_query"] == pytest.approx(recall)


def test_both_models_are_judged_by_the_same_rows(models):
    old, new = models
    data = grown()
    rule = PromotionRule.parse("find/mrr >= -1")
    rule.check(old, new)
    decided = rule.decide(old, new, data)
    before = mtf.evaluate(old, data, unlisted_is_missed=True)["find/mrr"]
    after = mtf.evaluate(new, data)["find/mrr"]
    assert decided.promoted
    assert (decided.old["find/mrr"], decided.new["find/mrr"]) == (before, after)
    assert decided.difference == pytest.approx(after - before)
    assert (decided.split, decided.num_rows) == ("test", 20)
    bound = decided.difference
    for operator, outcome in ((">=", True), (">", False)):
        rule = PromotionRule("find/mrr", operator, bound)
        assert rule.decide(old, new, data).promoted is outcome


def test_rounding_decides_nothing(models, monkeypatch):
    values = iter([{"m": 0.1}, {"m": 0.3}] * 2)
    monkeypatch.setattr("mtframework.evaluation.promotion.evaluate", lambda *_, **__: next(values))
    assert 0.3 - 0.1 < 0.2
    assert PromotionRule("m", ">=", 0.2).decide(*models, make_shop()).promoted
    assert not PromotionRule("m", ">", 0.2).decide(*models, make_shop()).promoted


def test_what_is_undefined_promotes_nothing(models, monkeypatch):
    values = iter([{"a/auc": 0.5}, {}])
    monkeypatch.setattr("mtframework.evaluation.promotion.evaluate", lambda *_, **__: next(values))
    decided = PromotionRule("a/auc", ">=", -1).decide(*models, make_shop())
    assert (decided.promoted, decided.difference) == (False, None)
