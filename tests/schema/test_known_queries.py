"""What is known of queries, here and from before."""

import numpy as np

from mtframework.schema.known_queries import KnownQueries


def test_queries_that_only_the_earlier_ones_know_are_added():
    # There, ids 1 and 2 with the cities 1 and 2; here, they are 3 and 1, and the cities 2 and 1.
    earlier = KnownQueries.learn(
        np.array([1, 2]),
        {
            "age": np.array([30.0, 40.0]),
            "city": np.array([1, 2]),
            "likes": np.array([[1, 2, 0], [2, 1, 2]]),
        },
        None,
        3,
    )
    here = KnownQueries.learn(
        np.array([1]),
        {"age": np.array([41.0]), "city": np.array([2]), "likes": np.array([[1, 0]])},
        None,
        4,
    )
    ids = {"reader": np.array([0, 3, 1]), "city": np.array([0, 2, 1]), "likes": np.array([0, 1, 2])}
    found = here.with_earlier(earlier, ids, "reader")
    assert found.is_known.tolist() == [False, True, False, True]
    assert found.columns["age"].tolist() == [0, 41, 0, 30]
    assert found.columns["city"].tolist() == [0, 2, 0, 2]
    assert found.columns["likes"].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 2, 0]]


def test_columns_that_were_not_known_are_not_made_up():
    earlier = KnownQueries.learn(np.array([1]), {"age": np.array([30.0])}, None, 2)
    here = KnownQueries.learn(np.array([2]), {"height": np.array([1.8])}, None, 3)
    found = here.with_earlier(earlier, {"reader": np.array([0, 1])}, "reader")
    assert found.is_known.tolist() == [False, False, True]
