"""Every row once an epoch, well mixed, in the same order on every backend."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtframework as mtf
from mtframework.data.streaming import streamed_tables
from mtframework.data.streaming.streamed_batches import StreamedBatches, in_batches, shuffled

NUM_ROWS = 400


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed_tables, "BLOCK_ROWS", 32)
    path = tmp_path / "log.parquet"
    columns = {"user": "query key", "film": "candidate key", "stars": "label", "share": "weight"}
    rows = np.arange(NUM_ROWS + 1)
    table = pa.table({"user": rows % 7, "film": rows % 3, "stars": rows, "share": rows / 2})
    pq.write_table(table, path, row_group_size=20)
    pq.write_table(table[NUM_ROWS:], tmp_path / "test.parquet")
    pq.write_table(table[:NUM_ROWS], path, row_group_size=20)
    split = {"test": str(tmp_path / "test.parquet")}
    return mtf.Tables(str(path), columns, split=split, in_memory=False).load([].append)


def batches(data, **arguments) -> StreamedBatches:
    return StreamedBatches(
        data.train, data.schema, data.vocabularies, ["user", "film"], ["stars"], **arguments
    )


def stars(epoch) -> list[float]:
    return [each for batch in epoch for each in batch[1]["stars"].tolist()]


def test_in_order(data):
    given = list(batches(data, batch_size=64, shuffle=False))
    assert [len(batch[0]["user"]) for batch in given] == [64] * 6 + [16]
    assert stars(given) == list(range(NUM_ROWS))
    users = np.concatenate([batch[0]["user"] for batch in given])
    assert users.dtype == "int32"
    assert (users == 1 + np.arange(NUM_ROWS) % 7).all()


@pytest.mark.parametrize("buffer_rows", [10, 100, 5000])
def test_each_row_once_in_an_order_of_its_own_each_epoch(data, buffer_rows):
    one = batches(data, batch_size=64, seed=3, buffer_rows=buffer_rows)
    first, second = list(one), list(one)
    assert sorted(stars(first)) == sorted(stars(second)) == list(range(NUM_ROWS))
    assert stars(first) != stars(second)
    again = batches(data, batch_size=64, seed=3, buffer_rows=buffer_rows)
    assert (stars(again), stars(again)) == (stars(first), stars(second))
    assert stars(batches(data, batch_size=64, seed=4, buffer_rows=buffer_rows)) != stars(first)
    # Rows stay together: film is a function of stars.
    for features, labels in first:
        assert (features["film"] == 1 + labels["stars"] % 3).all()


def test_a_buffer_of_all_rows_mixes_well(data):
    order = stars(batches(data, batch_size=64, buffer_rows=NUM_ROWS))
    # The rank correlation of 400 shuffled rows has the standard deviation 1 / sqrt(399) = 0.05.
    assert abs(np.corrcoef(order, np.arange(NUM_ROWS))[0, 1]) < 0.2
    steps = np.abs(np.diff(order))
    assert np.mean(steps == 1) < 0.05


def test_weights_come_third(data):
    with_weights = StreamedBatches(
        data.train, data.schema, data.vocabularies, ["user"], ["stars"], ["share"], 64
    )
    _, labels, weights = with_weights[0]
    assert (weights["share"] == labels["stars"] / 2).all()
    alone = StreamedBatches(data.train, data.schema, data.vocabularies, ["user"], batch_size=64)
    assert len(alone[0]) == 1


def test_what_keras_looks_at_is_not_lost(data):
    one = batches(data, batch_size=64)
    peeked = [one[0], one[1]]
    one.on_epoch_begin()
    epoch = [one[index] for index in np.random.permutation(len(one))]  # fit may ask in any order
    one.on_epoch_end()
    assert sorted(stars(epoch)) == list(range(NUM_ROWS))
    assert stars(epoch[:2]) == stars(peeked)
    one.on_epoch_begin()
    assert sorted(stars(one[0] for _ in range(len(one)))) == list(range(NUM_ROWS))


def test_an_epoch_that_was_cut_short_is_not_gone_on_with(data):
    one = batches(data, batch_size=64)
    one.on_epoch_begin()
    for _ in range(3):
        one[0]
    one.on_epoch_begin()
    assert sorted(stars(one[0] for _ in range(len(one)))) == list(range(NUM_ROWS))


def test_no_more_is_held_back_than_the_buffer():
    blocks = ({"row": np.arange(start, start + 10)} for start in itertools.count(0, 10))
    given = 0
    for block in itertools.islice(shuffled(blocks, 25, np.random.default_rng(0)), 20):
        given += len(block["row"])
        # What was given lies among the given and the buffer's: the rows read so far.
        assert block["row"].max() < given + 25


def test_batches_across_blocks():
    blocks = iter([{"row": np.arange(3)}, {"row": np.arange(3, 4)}, {"row": np.arange(4, 11)}])
    assert [each["row"].tolist() for each in in_batches(blocks, 4)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10],
    ]


def test_a_batch_size_that_is_refused(data):
    with pytest.raises(mtf.MtframeworkError, match=r"batch_size is 0\."):
        batches(data, batch_size=0)
