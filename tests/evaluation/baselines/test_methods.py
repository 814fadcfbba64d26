"""Each method against a second formula on a toy matrix."""

import math

import numpy as np
import pytest

from mtframework.errors import DataError
from mtframework.evaluation.baselines.als import AlternatingLeastSquares
from mtframework.evaluation.baselines.ease import EASE
from mtframework.evaluation.baselines.interactions import MAX_CANDIDATES, Interactions
from mtframework.evaluation.baselines.item_knn import ItemKNN
from mtframework.evaluation.baselines.popularity import Popularity

X = (np.random.default_rng(3).random((300, 7)) < 0.4).astype("float64")


def interactions_of(matrix):
    queries, candidates = np.nonzero(matrix)
    twice = np.random.default_rng(0).permutation(np.tile(np.arange(len(queries)), 2))
    return Interactions.of(queries[twice], candidates[twice], *matrix.shape)


def test_interactions_are_the_distinct_pairs():
    pairs = interactions_of(X)
    assert np.array_equal(pairs.dense(0, 300), X)
    assert np.array_equal(pairs.dense(10, 12), X[10:12])
    assert np.array_equal(pairs.together(), X.T @ X)


def test_popularity_counts_queries():
    assert np.array_equal(Popularity().fit(interactions_of(X)).scores(3, 5), [X.sum(0)] * 2)


def test_ease_is_a_ridge_regression_of_each_column_on_the_others():
    expected = np.zeros_like(X)
    for column in range(7):
        others = np.delete(X, column, axis=1)
        gram = others.T @ others + 2.5 * np.eye(6)
        expected[:, column] = others @ np.linalg.solve(gram, others.T @ X[:, column])
    found = EASE(regularization=2.5).fit(interactions_of(X)).scores(0, 300)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("num_neighbours", [2, 6, 100])
def test_item_knn_adds_up_cosines_of_the_nearest(num_neighbours):
    having = [{query for query in range(300) if X[query, item]} for item in range(7)]

    def cosine(one, other):
        both = len(having[one] & having[other])
        return both / math.sqrt(len(having[one]) * len(having[other]))

    expected = np.zeros_like(X)
    for query in range(300):
        for item in range(7):
            if X[query, item]:
                others = [(cosine(item, other), other) for other in range(7) if other != item]
                for similarity, other in sorted(others, reverse=True)[:num_neighbours]:
                    expected[query, other] += similarity
    found = ItemKNN(num_neighbours).fit(interactions_of(X)).scores(0, 300)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_als_finds_who_belongs_together():
    matrix = np.kron(np.eye(2), np.ones((6, 4)))
    matrix[0, 3] = matrix[6, 7] = 0  # unseen, and the group's own
    model = AlternatingLeastSquares(factors=4, regularization=0.1).fit(interactions_of(matrix))
    scores = model.scores(0, 12)
    assert AlternatingLeastSquares.is_installed()
    assert scores.shape == (12, 8)
    assert scores[0, 3] > scores[0, 4:].max()
    assert scores[6, 7] > scores[6, :4].max()


def test_a_catalogue_too_large_for_pairs_is_refused():
    pairs = Interactions.of(np.array([0]), np.array([0]), 1, MAX_CANDIDATES + 1)
    with pytest.raises(DataError, match="holds 30,001 candidates"):
        pairs.together()
