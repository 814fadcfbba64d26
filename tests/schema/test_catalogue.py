"""The catalogue: rows of ids, and who has seen what."""

import numpy as np
import pytest

from mtframework.errors import DataError
from mtframework.schema.catalogue import Catalogue


@pytest.fixture
def catalogue():
    # Query 1 has seen the ids 30 and 10, query 3 the id 20; query 0 is unknown, 2 saw nothing.
    return Catalogue.learn(
        "film",
        {"film": np.array([10, 20, 30])},
        np.array([1, 3, 1, 1, 0]),
        np.array([30, 20, 10, 30, 10]),
        num_query_ids=4,
    )


def test_seen_rows_are_distinct_and_ascending(catalogue):
    assert catalogue.seen(1).tolist() == [0, 2]
    assert catalogue.seen(3).tolist() == [1]


@pytest.mark.parametrize("query_id", [0, 2, 4, -1])
def test_unknown_and_idle_queries_have_seen_nothing(catalogue, query_id):
    assert catalogue.seen(query_id).tolist() == []


def test_seen_of_many_queries_is_one_run_a_query(catalogue):
    offsets, rows = catalogue.seen_of(np.array([3, 0, 1, 9, 1, 2, -5]))
    assert offsets.tolist() == [0, 1, 1, 3, 3, 5, 5, 5]
    assert rows.tolist() == [1, 0, 2, 0, 2]


def test_seen_of_a_catalogue_that_nobody_has_seen():
    catalogue = Catalogue("film", {"film": np.array([1])}, np.zeros(1, "int64"), np.zeros(0, "i4"))
    offsets, rows = catalogue.seen_of(np.array([0, 1]))
    assert (offsets.tolist(), rows.tolist()) == ([0, 0, 0], [])


def test_an_id_outside_is_refused(catalogue):
    with pytest.raises(DataError, match='1 of 2 rows have a "film" that is not in the catalogue'):
        catalogue.rows(np.array([10, 11]))


def test_what_was_seen_before_is_added_and_sold_out_candidates_are_left_out():
    # There, queries 1 and 2 and candidates 1 to 3; here, query 2 is 1, candidate 1 is 2 and 3 is 1.
    earlier = Catalogue.learn(
        "film",
        {"film": np.array([1, 2, 3])},
        np.array([1, 2, 2]),
        np.array([2, 1, 3]),
        3,
        {"stars": np.array([5.0, 4.0, 2.0])},
        {"buy": np.array([True, False, True])},
    )
    here = Catalogue.learn(
        "film", {"film": np.array([2, 1])}, np.array([1]), np.array([1]), 4,
        {"stars": np.array([1.0])},
    )  # fmt: skip
    found = here.with_earlier(earlier, np.array([0, 3, 1]), np.array([0, 2, 0, 1]))
    assert found.columns["film"].tolist() == [2, 1]
    assert found.seen(1).tolist() == [0, 1]  # rows of the candidates 2 and 1
    assert found.seen(3).tolist() == []  # its candidate is sold out
    assert found.seen_labels["stars"].tolist() == [4.0, 1.5]  # of 2 and 1
    # What has no mask here counted for the task: query 1's own row of candidate 1.
    assert found.seen(1, "buy").tolist() == [1]
