"""A head that adds up gives everybody one order, and somebody says so."""

import re
import warnings

import numpy as np
import pytest
from shop import make_shop, make_towers

import mtframework as mtf
from mtframework.model.same_order import have_same_order


def recommended(task, recommend) -> list[str]:
    data = make_shop()
    model = mtf.MultiTaskModel(make_towers(), [task])
    model.adapt(data)
    shoppers = np.unique(data.train["shopper"])[:12]
    described = [np.flatnonzero(data.train["shopper"] == each)[0] for each in shoppers]
    columns = [each for each in model.feature_columns if model.schema[each].role == "query"]
    queries = {name: data.train[name][described] for name in columns}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        recommend(model, queries)
    return [str(each.message) for each in told if each.category is mtf.MtframeworkWarning]


BY_MODEL = lambda model, queries: model.recommend(queries, 3)  # noqa: E731
BY_RECOMMENDER = lambda model, queries: mtf.Recommender(model).recommend(queries, 3)  # noqa: E731


@pytest.mark.parametrize("recommend", [BY_MODEL, BY_RECOMMENDER], ids=["model", "recommender"])
def test_a_head_that_adds_up_warns(recommend):
    (told,) = recommended(mtf.Ranking("rating", label="stars", hidden_units=[]), recommend)
    assert told.startswith('The task "rating" gives every query the same order of candidates')
    assert re.search("hidden_units, or bilinear", told)


@pytest.mark.parametrize(
    "task",
    [
        mtf.Ranking("rating", label="stars"),
        mtf.Ranking("rating", label="stars", hidden_units=[], bilinear=True),
        mtf.Retrieval("find", query="shopper", candidate="product"),
    ],
    ids=lambda task: f"{task.name} {task.get_config().get('bilinear')}",
)
def test_heads_that_tell_queries_apart(task):
    assert recommended(task, BY_MODEL) == []


def test_a_single_query_has_an_order_and_no_other():
    assert not have_same_order(np.zeros((1, 50)))
