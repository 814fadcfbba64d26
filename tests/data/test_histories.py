"""What rows may know of their queries, against lists that a loop collects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtframework as mtf
from mtframework.data.histories import histories_of, what_rows_know
from mtframework.data.history_batches import HistoryBatches
from mtframework.errors import DataError
from mtframework.schema.events import LAST, STARTS, in_history

SCHEMA = mtf.Schema(
    (
        mtf.Column("reader", "categorical", "query"),
        mtf.Column("book", "categorical", "candidate"),
        mtf.Column("stars", "numeric", "label"),
        mtf.Column("when", "numeric", "timestamp"),
    ),
    query_key="reader",
    candidate_key="book",
)
UNORDERED = mtf.Schema(SCHEMA.columns[:3], query_key="reader", candidate_key="book")


def rows_of(*events: tuple[str, int, int]) -> dict[str, np.ndarray]:
    """Returns rows of (reader, book, time); a row's stars are its number."""
    readers, books, times = zip(*events, strict=True)
    return {
        "reader": np.array(readers),
        "book": np.array(books).astype(str),
        "stars": np.arange(len(events), dtype="float32"),
        "when": np.array(times),
    }


def dataset(train, test, validation=(), schema=SCHEMA, **arguments) -> mtf.Dataset:
    parts = {name: rows_of(*part) for name, part in (("train", train), ("test", test))}
    if validation:
        parts["validation"] = rows_of(*validation)
    books = np.arange(40).astype(str)
    return mtf.Dataset(schema, catalogue={"book": books}, **parts, **arguments)


def known_books(data: mtf.Dataset, split: str, max_length: int, **arguments) -> list[list[str]]:
    """Returns the books in the history of each row of a split."""
    found = histories_of(data, split, ["book"], max_length, **arguments)
    books = data.vocabularies["book"].values(found.columns["book"])
    return [
        [books[place] for place in range(start, end) if place != left_out]
        for start, end, left_out in zip(found.starts, found.ends, found.left_out, strict=True)
    ]


ORDERED = {
    "train": [("ann", 3, 30), ("bob", 7, 5), ("ann", 1, 10), ("ann", 2, 20), ("bob", 8, 6)],
    "validation": [("ann", 4, 40)],
    "test": [("ann", 6, 60), ("ann", 5, 50), ("bob", 9, 50), ("cyd", 11, 55), ("cyd", 12, 56)],
}


def test_rows_know_what_came_before_them():
    data = dataset(**ORDERED)
    assert what_rows_know(data) == "before"
    assert known_books(data, "train", 9) == [["1", "2"], [], [], ["1"], ["7"]]
    assert known_books(data, "validation", 9) == [["1", "2", "3"]]
    assert known_books(data, "test", 9) == [
        ["1", "2", "3", "4", "5"],
        ["1", "2", "3", "4"],
        ["7", "8"],
        [],
        ["11"],  # of somebody who came after the training
    ]


def test_the_last_events_are_kept():
    assert known_books(dataset(**ORDERED), "test", 2)[:2] == [["4", "5"], ["3", "4"]]


def test_after_a_random_split_rows_know_all_others():
    train = [("ann", 1, 10), ("ann", 2, 50), ("ann", 3, 30), ("bob", 4, 1)]
    data = dataset(train, test=[("ann", 5, 20), ("cyd", 6, 1)])
    assert what_rows_know(data) == "others"
    assert known_books(data, "train", 9) == [["3", "2"], ["1", "3"], ["1", "2"], []]
    assert known_books(data, "test", 9) == [["1", "3", "2"], []]
    # The last two without the row itself.
    assert known_books(data, "train", 2) == [["3", "2"], ["1", "3"], ["1", "2"], []]
    assert known_books(data, "train", 1) == [["2"], ["3"], ["2"], []]


def test_of_two_rows_of_one_time_the_first_is_known_to_the_second():
    data = dataset([("ann", 1, 7), ("ann", 2, 7), ("ann", 3, 7)], [("ann", 4, 7)])
    assert known_books(data, "train", 9) == [[], ["1"], ["1", "2"]]
    assert known_books(data, "test", 9) == [["1", "2", "3"]]


def test_rows_in_order_need_no_times():
    data = dataset(**ORDERED, schema=UNORDERED, rows_in_order=True)
    assert known_books(data, "train", 9) == [[], [], ["3"], ["3", "1"], ["7"]]
    assert known_books(data, "test", 9)[:2] == [["3", "1", "2", "4"], ["3", "1", "2", "4", "6"]]


def test_rows_without_an_order_are_refused():
    with pytest.raises(DataError, match="have no order") as caught:
        known_books(dataset(**ORDERED, schema=UNORDERED), "train", 9)
    assert "rows_in_order" in caught.value.fix


def test_the_future_changes_nothing():
    before = dataset(**ORDERED)
    shuffled = [("ann", 20, 61), ("ann", 21, 62), ("bob", 22, 63), ("cyd", 23, 64)]
    after = dataset(ORDERED["train"], shuffled, ORDERED["validation"])
    for split in ("train", "validation"):
        assert known_books(before, split, 9) == known_books(after, split, 9)


EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=60)


@given(EVENTS, st.integers(1, 7), st.integers(1, 9), st.booleans(), st.integers(0, 3))
def test_batches_hold_the_history_of_each_row(events, max_length, batch_size, ordered, seed):
    """Each row of a packed batch finds the books that a loop over all rows finds for it."""
    events = [(f"r{reader}", number % 40, time) for number, (reader, time) in enumerate(events)]
    test = [(f"r{reader}", 0, 100 if ordered else 0) for reader in range(4)]
    data = dataset(events, test)
    histories = histories_of(data, "train", ["book"], max_length, in_pieces=True)
    kind = what_rows_know(data)
    columns = data.encode(data.train)
    batches = HistoryBatches(
        columns, ["reader", "book"], ["stars"], [], histories, batch_size, seed=seed
    )
    met = []
    for index in range(len(batches)):
        features, labels = batches[index]
        books, starts, last = (features[name] for name in (in_history("book"), STARTS, LAST))
        assert len(books) == len(starts)
        assert (starts <= np.arange(len(starts))).all()
        for row, end in enumerate(last):
            number = int(labels["stars"][row])
            met.append(number)
            mine = [books[place] for place in range(starts[end], end + 1)] if end >= 0 else []
            everything = sorted(
                (when, place)
                for place, (reader, _, when) in enumerate(events)
                if reader == events[number][0]
            )
            at = everything.index((events[number][2], number))
            known = everything[:at] if kind == "before" else everything[:at] + everything[at + 1 :]
            ids = data.vocabularies["book"].ids([str(events[place][1]) for _, place in known])
            assert len(mine) <= max_length
            assert mine == ids[len(ids) - len(mine) :].tolist()
            enough = min(len(known), max_length)
            assert len(mine) >= (enough if kind == "others" else min(enough, max_length // 4))
            if kind == "before" and len(everything) <= max_length + 1:
                assert len(mine) == len(known)
    assert sorted(met) == list(range(len(events)))


def test_the_order_of_batches_follows_from_the_seed():
    events = [(f"r{number % 5}", number % 40, number) for number in range(50)]
    data = dataset(events, [("r0", 1, 99)])
    columns = data.encode(data.train)

    def orders(seed):
        histories = histories_of(data, "train", ["book"], 4, in_pieces=True)
        batches = HistoryBatches(columns, ["book"], [], [], histories, 16, seed=seed)
        first = batches.order.copy()
        batches.on_epoch_end()
        second = batches.order.copy()
        batches.go_to(1)
        assert np.array_equal(batches.order, first)
        return first, second

    one, other = orders(1), orders(2)
    assert not np.array_equal(one[0], one[1])
    assert not np.array_equal(one[0], other[0])
    assert np.array_equal(orders(1)[1], one[1])
