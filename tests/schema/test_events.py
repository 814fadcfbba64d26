"""The events of queries: their order, the latest ones, earlier ones before them, and files."""

import numpy as np
import pytest

from mtframework.errors import DataError
from mtframework.schema.events import LENGTHS, Events, in_history

READERS = np.array([2, 1, 2, 0, 2, 1])
BOOKS = np.array([5, 6, 7, 8, 9, 4], "int32")
TIMES = np.array([30, 20, 10, 5, 10, 40])


def books_of(events: Events) -> list[list[int]]:
    bounds = zip(events.offsets[:-1], events.offsets[1:], strict=True)
    return [events.columns["book"][start:end].tolist() for start, end in bounds]


def test_events_are_sorted_by_query_and_time():
    found = Events.learn(READERS, {"book": BOOKS}, TIMES, num_ids=4)
    assert books_of(found) == [[], [6, 4], [7, 9, 5], []]  # the unknown reader 0 has none
    assert books_of(Events.learn(READERS, {"book": BOOKS}, None, 4)) == [[], [6, 4], [5, 7, 9], []]
    assert books_of(Events.learn(READERS, {"book": BOOKS}, TIMES, 4, 2)) == [[], [6, 4], [9, 5], []]


def test_the_latest_events_stand_side_by_side():
    events = Events.learn(READERS, {"book": BOOKS}, TIMES, num_ids=4)
    found = events.latest(np.array([2, 3, 0, 1]), 2)
    assert found[in_history("book")].tolist() == [[9, 5], [0, 0], [0, 0], [6, 4]]
    assert found[LENGTHS].tolist() == [2, 0, 0, 2]


def test_earlier_events_come_before():
    now = Events.learn(READERS, {"book": BOOKS}, TIMES, num_ids=4)
    earlier = Events.learn(np.array([1, 1, 2]), {"book": np.array([1, 2, 1])}, None, num_ids=3)
    ids = {"reader": np.array([0, 2, 3]), "book": np.array([0, 6, 0])}
    found = now.with_earlier(earlier, ids, "reader", max_length=4)
    assert books_of(found) == [[], [6, 4], [0, 7, 9, 5], [6]]


def test_files_hold_the_same(tmp_path):
    events = Events.learn(READERS, {"book": BOOKS}, TIMES, num_ids=4)
    events.save(tmp_path / "events.npz")
    loaded = Events.load(tmp_path / "events.npz", "reader", {"reader": 4, "book": 10})
    assert books_of(loaded) == books_of(events)
    nothing = Events.load(tmp_path / "none.npz", "reader", {"reader": 4, "book": 10})
    assert not np.diff(nothing.offsets).any()


@pytest.mark.parametrize("num_ids", [{"reader": 5, "book": 10}, {"reader": 4, "book": 9}])
def test_a_file_that_does_not_fit_is_refused(tmp_path, num_ids):
    Events.learn(READERS, {"book": BOOKS}, TIMES, num_ids=4).save(tmp_path / "events.npz")
    with pytest.raises(DataError, match="do not match its vocabularies"):
        Events.load(tmp_path / "events.npz", "reader", num_ids)
