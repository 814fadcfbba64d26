"""Streamed tables give what tables in memory give, block by block."""

import json

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtframework as mtf
from mtframework.data.streaming import streamed_tables
from mtframework.data.streaming.streamed_rows import StreamedRows
from mtframework.errors import DataError

COLUMNS = {
    "reader": "query key",
    "likes": "multi_categorical query",
    "book": "candidate key",
    "place": "categorical context",
    "stars": "label",
    "hours": "numeric context",
    "read_at": "timestamp",
}
NUM_ROWS = 1000
NAMES = ["reader", "likes", "book", "place", "stars", "hours", "read_at"]


def log(num_rows: int = NUM_ROWS) -> pa.Table:
    """Returns rows that differ in `read_at`, which is not in order."""
    draw = np.random.default_rng(0)
    return pa.table(
        {
            "reader": draw.integers(0, 97, num_rows),
            "likes": [["war", "love", "é"][:each] for each in draw.integers(0, 4, num_rows)],
            "book": [f"book {each}" for each in draw.integers(0, 31, num_rows)],
            "place": [None if each == 3 else f"p{each}" for each in draw.integers(0, 5, num_rows)],
            "stars": [None if each == 0 else each for each in draw.integers(0, 6, num_rows)],
            "hours": draw.random(num_rows),
            "read_at": 1_600_000_000 + 7 * draw.permutation(num_rows),
        }
    )


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streamed_tables, "BLOCK_ROWS", 64)
    return tmp_path


def write(table: pa.Table, name: str = "log.parquet", group: int = 50) -> None:
    pq.write_table(table, name, row_group_size=group)


def tables(**arguments) -> mtf.Tables:
    arguments = {"interactions": "log.parquet", "columns": COLUMNS, **arguments}
    return mtf.Tables(**arguments)


def load(**arguments) -> mtf.Dataset:
    return tables(**arguments).load([].append)


def by_time(columns) -> dict[str, list]:
    order = np.argsort(columns["read_at"])
    return {name: np.asarray(values)[order].tolist() for name, values in columns.items()}


def write_by_pandas(table: pa.Table) -> None:
    table.to_pandas().to_parquet("log.parquet", row_group_size=100)


def write_by_polars(table: pa.Table) -> None:
    pl.DataFrame(table).write_parquet("log.parquet", row_group_size=100)


def write_by_duckdb(table: pa.Table) -> None:
    with duckdb.connect() as connection:
        connection.register("log", table)
        connection.execute("COPY log TO 'log.parquet' (FORMAT PARQUET, ROW_GROUP_SIZE 100)")


@pytest.mark.parametrize("write_by_tool", [write_by_pandas, write_by_polars, write_by_duckdb])
def test_files_of_other_tools(write_by_tool):
    write(log())
    data = load(in_memory=False, split="temporal")
    expected = data.encode(data.train)
    write_by_tool(log())
    data = load(in_memory=False, split="temporal")
    np.testing.assert_equal(data.encode(data.train), expected)


@pytest.mark.parametrize("group", [7, 50, 1000])
@pytest.mark.parametrize("books", [None, "books.parquet"])
def test_the_same_data_as_in_memory(group, books, monkeypatch):
    table = log()
    write(table, group=group)
    columns = COLUMNS
    if books:
        pq.write_table(
            pa.table({"book": [f"book {i}" for i in range(35)], "pages": range(35)}), books
        )
        columns = {**COLUMNS, "pages": "numeric candidate"}
    arguments = {"columns": columns, "candidates": books, "split": "temporal"}
    shares = {"test_fraction": 0.25, "validation_fraction": 0.2}
    whole, streamed = (load(in_memory=each, **arguments, **shares) for each in (True, False))
    for name, vocabulary in whole.vocabularies.items():
        found = streamed.vocabularies[name].known_values
        assert found.tolist() == vocabulary.known_values.tolist()
    assert {k: v.tolist() for k, v in streamed.catalogue.items()} == {
        k: v.tolist() for k, v in whole.catalogue.items()
    }
    for split, num_rows in (("train", 600), ("validation", 150), ("test", 250)):
        rows = streamed.split(split)
        assert isinstance(rows, StreamedRows)
        assert rows.num_rows == num_rows
        expected = whole.encode(whole.split(split))
        found = streamed.encode(rows)
        assert {name: values.dtype for name, values in found.items()} == {
            name: values.dtype for name, values in expected.items()
        }
        np.testing.assert_equal(by_time(found), by_time(expected))


def test_random_splits_are_drawn_row_by_row():
    write(log())
    data = load(in_memory=False, test_fraction=0.3, validation_fraction=0.5, seed=4)
    rows = {split: data.encode(data.split(split)) for split in ("train", "validation", "test")}
    times = np.concatenate([each["read_at"] for each in rows.values()])
    assert sorted(times.tolist()) == sorted(log()["read_at"].to_pylist())
    # Within four standard deviations of the shares.
    assert abs(len(rows["test"]["book"]) - 300) < 4 * np.sqrt(NUM_ROWS * 0.3 * 0.7)
    assert abs(len(rows["validation"]["book"]) - 350) < 4 * np.sqrt(NUM_ROWS * 0.35 * 0.65)
    known = set(data.vocabularies["reader"].values(rows["train"]["reader"]).tolist())
    assert set(data.vocabularies["reader"].known_values.tolist()) == known
    again = load(in_memory=False, test_fraction=0.3, validation_fraction=0.5, seed=4)
    assert again.encode(again.test)["read_at"].tolist() == rows["test"]["read_at"].tolist()
    other = load(in_memory=False, test_fraction=0.3, validation_fraction=0.5, seed=5)
    assert other.encode(other.test)["read_at"].tolist() != rows["test"]["read_at"].tolist()


def test_the_users_own_split():
    write(log()[:700])
    write(log()[700:], "test.parquet")
    data = load(in_memory=False, split={"test": "test.parquet"}, validation_fraction=0.5)
    assert data.train.num_rows + data.validation.num_rows == 700
    assert abs(data.train.num_rows - 350) < 4 * np.sqrt(700) / 2
    found = data.encode(data.test)["read_at"].tolist()
    assert found == log()["read_at"].to_pylist()[700:]


def test_several_files_are_one_stream(folder):
    (folder / "logs").mkdir()
    for part in range(4):
        write(log()[part * 250 : part * 250 + 250], f"logs/{part}.parquet")
    data = load(interactions="logs", in_memory=False, test_fraction=0.1, split="temporal")
    assert (data.train.num_rows, data.test.num_rows) == (900, 100)
    write(log())
    whole = load(in_memory=False, test_fraction=0.1, split="temporal")
    np.testing.assert_equal(data.encode(data.train), whole.encode(whole.train))


def test_rejects_are_counted_written_and_bounded():
    table = log().set_column(4, "stars", pa.array([9.5] * 998 + [float("inf"), 1.0]))
    readers = table["reader"].to_pylist()
    table = table.set_column(0, "reader", pa.array([*readers[:500], None, *readers[501:]]))
    write(table)
    told = []
    data = tables(in_memory=False, test_fraction=0.5).load(told.append)
    assert data.train.num_rows + data.test.num_rows == 998
    assert told[0].startswith("1,000 rows in ")
    assert told[1] == (
        'log.parquet: 1,000 rows read, 998 accepted, 2 rejected: "reader" is missing (1), '
        '"stars" is not finite (1).'
    )
    with open("rejects.jsonl") as file:
        lines = [json.loads(line) for line in file]
    assert [(line["row"], line["reason"]) for line in lines] == [
        (501, '"reader" is missing'),
        (999, '"stars" is not finite'),
    ]
    assert lines[0]["raw"]["book"] == table["book"][500].as_py()


def test_too_many_rejects_end_the_pass():
    table = log()
    write(table.set_column(6, "read_at", pa.array([-1] * NUM_ROWS)))
    with pytest.raises(DataError) as raised:
        load(in_memory=False)
    # The first block of one row group is enough.
    assert raised.value.found == (
        'log.parquet: 50 rows read, 0 accepted, 50 rejected: "read_at" is before 1970 (50).'
    )


def test_unknown_candidates():
    write(log())
    pq.write_table(pa.table({"book": [f"book {i}" for i in range(30)]}), "books.parquet")
    data = load(in_memory=False, candidates="books.parquet", max_rejected=0.5, test_fraction=0.1)
    good = [each for each in log()["book"].to_pylist() if each != "book 30"]
    assert data.train.num_rows + data.test.num_rows == len(good)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_one_error(share, folder):
    write(log())
    path = folder / "log.parquet"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match=r"log\.parquet cannot be read: "):
        load(in_memory=False)


def test_a_file_that_changes_is_one_error():
    write(log())
    data = load(in_memory=False, split="temporal")
    write(log()[:500])
    with pytest.raises(DataError, match=r"log\.parquet cannot be read: "):
        data.encode(data.train)


def test_a_feature_beyond_float32_is_refused():
    table = log()
    write(table.set_column(5, "hours", pa.array([*[0.5] * 999, 1e300])))
    data = load(in_memory=False, split={"test": "log.parquet"})
    with pytest.raises(DataError, match=r'"hours" is inf in row \d+ of a block of the test rows'):
        data.encode(data.test)


def test_a_whole_column_is_refused():
    write(log())
    rows = load(in_memory=False).train
    assert list(rows) == NAMES
    assert len(rows) == len(NAMES)
    with pytest.raises(DataError) as raised:
        rows["stars"]
    assert raised.value.fix == "Set Tables.in_memory = True, or leave out what needs it."


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (
            {"columns": {**COLUMNS, "what": "event"}, "events": ["view"]},
            "Tables.events make one row of all events of a query and a candidate",
        ),
        ({"split": "leave_last_out"}, 'The split "leave_last_out" holds out the last row'),
    ],
)
def test_what_needs_all_rows_is_refused(arguments, found):
    with pytest.raises(DataError, match=found):
        tables(in_memory=False, **arguments)


def test_a_text_file_is_refused():
    with open("log.csv", "w") as file:
        file.write("reader,book\n")
    with pytest.raises(DataError, match=r"log\.csv is CSV, which cannot be streamed"):
        load(interactions="log.csv", in_memory=False)


def test_a_candidate_is_as_its_latest_row_describes_it():
    table = log()
    price = np.random.default_rng(1).integers(1, 5, NUM_ROWS).astype(float)
    write(table.append_column("price", pa.array(price)))
    columns = {**COLUMNS, "price": "numeric candidate"}
    streamed = load(columns=columns, in_memory=False)
    latest = dict(
        pl.from_arrow(table.append_column("price", pa.array(price)))
        .sort("read_at")
        .group_by("book", maintain_order=True)
        .agg(pl.col("price").last())
        .iter_rows()
    )
    found = zip(streamed.catalogue["book"], streamed.catalogue["price"], strict=True)
    assert dict(found) == latest


def test_since_gives_the_rows_that_it_gives_in_memory():
    table = log()
    write(table)
    since = int(np.sort(table["read_at"].to_numpy())[400])
    arguments = {"since": since, "split": "temporal", "validation_fraction": 0.1}
    told = []
    streamed = tables(in_memory=False, **arguments).load(told.append)
    whole = tables(**arguments).load(lambda sentence: None)
    assert any(each.startswith("600 rows are from ") and "; 400 from" in each for each in told)
    assert streamed.is_continued
    assert sorted(streamed.catalogue["book"]) == sorted(whole.catalogue["book"])
    for split in ("train", "validation", "test"):
        kept, given = (each.encoded_split(split, whole.vocabularies) for each in (streamed, whole))
        assert sorted(kept["read_at"]) == sorted(given["read_at"])
        assert min(kept["read_at"]) >= since
    with pytest.raises(DataError, match="No row of log"):
        tables(in_memory=False, since=1_700_000_000).load(lambda sentence: None)


def test_since_draws_from_what_is_left():
    table = log()
    write(table)
    since = int(np.sort(table["read_at"].to_numpy())[400])
    data = tables(in_memory=False, since=since, test_fraction=0.5).load(lambda sentence: None)
    sizes = [data.train.num_rows, data.test.num_rows]
    assert sum(sizes) == 600
    assert 240 < sizes[0] < 360
    assert min(data.encoded_split("train")["read_at"]) >= since
