"""Each method against a second formula on a toy matrix."""

import math

import numpy as np
import pytest

from mtframework.errors import DataError
from mtframework.evaluation.baselines import ease, interactions
from mtframework.evaluation.baselines.als import AlternatingLeastSquares
from mtframework.evaluation.baselines.ease import EASE
from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.item_knn import ItemKNN
from mtframework.evaluation.baselines.item_to_item import ItemToItemCounts
from mtframework.evaluation.baselines.other_feedback_first import OtherFeedbackFirst
from mtframework.evaluation.baselines.own_frequency import OwnFrequency
from mtframework.evaluation.baselines.popularity import Popularity

X = (np.random.default_rng(3).random((300, 7)) < 0.4).astype("float64")


def interactions_of(matrix):
    queries, candidates = np.nonzero(matrix)
    twice = np.random.default_rng(0).permutation(np.tile(np.arange(len(queries)), 2))
    return Interactions.of(queries[twice], candidates[twice], *matrix.shape)


def dense(interactions, start, end):
    matrix = np.zeros((end - start, interactions.num_candidates))
    matrix[interactions.owners(start, end), interactions.of_queries(start, end)] += 1
    return matrix


@pytest.mark.parametrize("numbers", [1, 20, 600, 1 << 23])
def test_interactions_are_the_distinct_pairs(monkeypatch, numbers):
    monkeypatch.setattr(interactions, "_NUMBERS_PER_BLOCK", numbers)
    pairs = interactions_of(X)
    assert np.array_equal(dense(pairs, 0, 300), X)
    assert np.array_equal(dense(pairs, 10, 12), X[10:12])
    starts, ends, counts = zip(*pairs.together(), strict=True)
    assert (starts[0], *ends) == (*starts, 7)
    assert np.array_equal(np.concatenate(counts), X.T @ X)


def test_nobody_has_anything():
    nothing = Interactions.of(np.zeros(0, "int64"), np.zeros(0, "int64"), 2, 3)
    [(_, _, counts)] = nothing.together()
    assert np.array_equal(counts, np.zeros((3, 3)))
    for method in (ItemKNN(), ItemToItemCounts(), EASE()):
        assert np.array_equal(method.fit(nothing).scores(nothing, 0, 2), np.zeros((2, 3)))


def test_popularity_counts_queries():
    assert np.array_equal(
        Popularity().fit(interactions_of(X)).scores(interactions_of(X), 3, 5), [X.sum(0)] * 2
    )


def test_ease_is_a_ridge_regression_of_each_column_on_the_others():
    expected = np.zeros_like(X)
    for column in range(7):
        others = np.delete(X, column, axis=1)
        gram = others.T @ others + 2.5 * np.eye(6)
        expected[:, column] = others @ np.linalg.solve(gram, others.T @ X[:, column])
    found = EASE(regularization=2.5).fit(interactions_of(X)).scores(interactions_of(X), 0, 300)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)  # in float32


def test_ease_of_very_many_candidates_is_refused():
    pairs = Interactions.of(np.zeros(1, int), np.zeros(1, int), 1, 30_001)
    with pytest.raises(DataError, match=r"EASE of 30,001 candidates .* takes hours"):
        EASE().fit(pairs)


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
    found = ItemKNN(num_neighbours).fit(interactions_of(X)).scores(interactions_of(X), 0, 300)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_als_finds_who_belongs_together():
    matrix = np.kron(np.eye(2), np.ones((6, 4)))
    matrix[0, 3] = matrix[6, 7] = 0  # unseen, and the group's own
    model = AlternatingLeastSquares(factors=4, regularization=0.1).fit(interactions_of(matrix))
    scores = model.scores(interactions_of(matrix), 0, 12)
    assert AlternatingLeastSquares.is_installed()
    assert scores.shape == (12, 8)
    assert scores[0, 3] > scores[0, 4:].max()
    assert scores[6, 7] > scores[6, :4].max()


def test_item_to_item_counts_by_hand():
    # Of query 0: 0 1 2 3 4, of query 1: 1 0 1, of query 2: nothing.
    queries = np.array([1, 0, 0, 0, 1, 0, 0, 1])
    candidates = np.array([1, 0, 2, 1, 0, 4, 3, 1])
    times = np.array([5, 1, 3, 2, 6, 5, 4, 7])
    events = Interactions.in_order(queries, candidates, times, 3, 5)
    assert events.of_queries(0, 3).tolist() == [0, 1, 2, 3, 4, 1, 0, 1]
    method = ItemToItemCounts(window=3, decay=0.5, backward=0.25).fit(events)
    found = method.scores(events, 0, 3)
    after = np.zeros((5, 5))
    for i, j, count in [
        (0, 1, 1), (1, 2, 1), (2, 3, 1), (3, 4, 1),
        (0, 2, 0.5), (1, 3, 0.5), (2, 4, 0.5),
        (0, 3, 0.25), (1, 4, 0.25),
        (1, 0, 1), (0, 1, 1), (1, 1, 0.5),
    ]:  # fmt: skip
        after[i, j] += count
    counts = after + 0.25 * after.T
    np.testing.assert_allclose(found[0], counts[4] + 0.5 * counts[3] + 0.25 * counts[2])
    np.testing.assert_allclose(found[1], counts[1] + 0.5 * counts[0] + 0.25 * counts[1])
    np.testing.assert_array_equal(found[2], np.zeros(5))


def test_own_frequency_by_hand():
    # Query 0 had 2, 1, 2 in this order, query 1 had 3, query 2 nothing; two had 3, and query 3 0.
    queries, candidates = np.array([0, 0, 0, 1, 3, 3]), np.array([2, 1, 2, 3, 3, 0])
    events = Interactions.in_order(queries, candidates, np.arange(6), 4, 5)
    found = OwnFrequency(decay=0.25).fit(events).scores(events, 0, 3)
    popularity = np.array([1, 1, 1, 2, 0]) / 3  # who has it, below 1 and so behind what was had
    own = 1 + np.array([1 / 4, 1 + 1 / 16])
    np.testing.assert_allclose(found[0], [1 / 3, own[0], own[1], 2 / 3, 0])
    np.testing.assert_allclose(found[1], [1 / 3, 1 / 3, 1 / 3, 2, 0])
    np.testing.assert_allclose(found[2], popularity)
    np.testing.assert_array_equal(OwnFrequency(0.25).fit(events).scores(events, 1, 2)[0], found[1])


def test_events_of_one_time_keep_the_order_of_their_rows():
    events = Interactions.in_order(np.zeros(3, int), np.array([2, 0, 1]), np.array([7, 7, 3]), 1, 3)
    assert events.candidates.tolist() == [1, 2, 0]


def test_other_feedback_comes_first():
    own = Interactions.of(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 3]), 3, 5)
    everything = Interactions.of(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 2, 1, 0, 1, 3]), 3, 5)
    found = OtherFeedbackFirst().fit(own).scores(everything, 0, 3)
    cosine = 1 / math.sqrt(2)  # of 0 and 1: one query has both, two and one have either
    # Query 0 has 1 and 2 by other feedback, and 1 is near its own 0.
    expected = [
        [0, 2 * cosine + 1, cosine + 1, 0, 0],
        [cosine, cosine, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    np.testing.assert_allclose(found, expected)


def test_ease_says_how_much_memory_it_lacks(monkeypatch):
    monkeypatch.setattr(ease, "available_memory", lambda: 2_000_000_000)
    pairs = Interactions.of(np.array([0]), np.array([0]), 1, 30_000)
    with pytest.raises(DataError, match=r"30,000 candidates takes 3\.6 GB .* 2\.0 GB are free"):
        EASE().fit(pairs)
