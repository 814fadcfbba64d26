"""A query's positives counted together: by hand, by a loop, and by scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from mtframework.errors import DataError
from mtframework.metrics.per_query import per_query_metrics


def test_by_hand():
    # Query 1 has positives at places 1, 3 and 8 of its list, query 2 at place 2, query 3 at 30.
    ranks, queries = [7, 0, 2, 1, 29], [1, 1, 1, 2, 3]
    found = per_query_metrics(ranks, queries, [4, 5, 6, 4, 4], k=5)
    assert found["hit"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found["precision"] == pytest.approx((2 / 5 + 1 / 5 + 0) / 3)
    assert found["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 30) / 3)
    assert found["map"] == pytest.approx(((1 + 2 / 3) / 3 + 1 / 2 + 0) / 3)
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found["ndcg"] == pytest.approx(((1 + 1 / np.log2(4)) / ideal + 1 / np.log2(3)) / 3)


def test_a_candidate_that_stands_twice_is_one_positive():
    once = per_query_metrics([1, 4], [7, 7], [3, 2], k=3)
    assert per_query_metrics([6, 4, 1], [7, 7, 7], [3, 2, 3], k=3) == once


def test_against_scikit_learn():
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(20, 40))
    relevant = draw.random((20, 40)) < 0.15
    relevant[:, 0] = True
    ranks = np.argsort(np.argsort(-scores, 1), 1)
    queries, candidates = np.nonzero(relevant)
    mixed = draw.permutation(len(queries))
    args = ranks[queries, candidates][mixed], queries[mixed], candidates[mixed]
    assert per_query_metrics(*args, 40)["ndcg"] == pytest.approx(ndcg_score(relevant, scores))
    assert per_query_metrics(*args, 6)["ndcg"] == pytest.approx(ndcg_score(relevant, scores, k=6))
    precision = [average_precision_score(*each) for each in zip(relevant, scores, strict=True)]
    assert per_query_metrics(*args, 40)["map"] == pytest.approx(np.mean(precision))
    top = np.argsort(-scores, 1)[:, :6]
    hits = np.take_along_axis(relevant, top, 1).sum(1)
    found = per_query_metrics(*args, 6)
    assert found["recall"] == pytest.approx((hits / relevant.sum(1)).mean())
    assert found["precision"] == pytest.approx((hits / 6).mean())
    assert found["hit"] == pytest.approx((hits > 0).mean())


def test_equals_between_two_places():
    """Two candidates that tie for the places 3 and 4 have both the rank 2.5: not among 3."""
    assert per_query_metrics([2.5], [1], [1], k=3)["recall"] == 0
    assert per_query_metrics([2.5], [1], [1], k=4)["recall"] == 1


def test_k_is_at_least_one():
    with pytest.raises(DataError, match="k is 0"):
        per_query_metrics([0], [1], [1], k=0)
