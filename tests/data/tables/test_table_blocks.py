"""Files block by block, whatever their format and size, and files that are not whole."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mtframework as mtf
from mtframework.data.tables import table_blocks
from mtframework.data.tables.csv_rows import read_csv
from mtframework.data.tables.rejects import Rejects
from mtframework.data.tables.table_blocks import TableBlocks, good_columns
from mtframework.data.tables.table_reader import TableFile, read_table
from mtframework.data.tables.table_writer import TableWriter
from mtframework.errors import DataError

SCHEMA = mtf.Schema(
    (
        mtf.Column("who", "categorical", "query"),
        mtf.Column("age", "numeric", "query"),
        mtf.Column("likes", "multi_categorical", "query"),
        mtf.Column("when", "numeric", "timestamp"),
        mtf.Column("what", "categorical", "candidate"),
    ),
    query_key="who",
    candidate_key="what",
)
NAMES = ("who", "age", "likes", "when")
TABLE = pa.table(
    {
        "note": [f"note, {i}" for i in range(50)],
        "who": [f"{i:03}" for i in range(50)],
        "age": [i / 4 for i in range(50)],
        "likes": [["a", "b"][: i % 3] for i in range(50)],
        "when": [1_600_000_000 + i for i in range(50)],
    }
)


def write(path: Path, table: pa.Table = TABLE) -> Path:
    with TableWriter(path) as writer:
        for start in range(0, max(table.num_rows, 1), 7):
            writer.write(table.slice(start, 7))
    return path


def read(path: Path, block_rows: int = 8192) -> dict[str, list]:
    columns: dict[str, list] = {name: [] for name in NAMES}
    rejects = Rejects(str(path))
    blocks = TableBlocks(path, block_rows)
    blocks.require(NAMES)
    for block in blocks:
        assert block.table.num_rows <= block_rows
        for name, values in good_columns(block, SCHEMA, NAMES, 2e9, rejects)[1].items():
            columns[name] += values.tolist()
    assert rejects.num_read == rejects.num_rejected + len(columns["who"])
    if rejects.num_rejected:
        raise DataError(f"{path} {rejects.lines[0]}", "", "")
    return columns


@pytest.mark.parametrize("block_rows", [3, 8192])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.zst", "parquet"])
def test_what_is_written_is_read(ending, block_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(table_blocks, "_BLOCK_BYTES", 400)
    columns = read(write(tmp_path / f"table.{ending}"), block_rows)
    assert columns["who"] == TABLE["who"].to_pylist()  # 007 is not a number
    assert columns["age"] == TABLE["age"].to_pylist()
    assert columns["likes"] == ["|".join(each) for each in TABLE["likes"].to_pylist()]
    assert columns["when"] == TABLE["when"].to_pylist()
    assert [path.name for path in tmp_path.iterdir()] == [f"table.{ending}"]


def test_quoted_line_breaks_at_the_ends_of_blocks(tmp_path, monkeypatch):
    rows = [f'{i},"{"x" * (i % 17)}\nand\n""more"", {i}",{i % 5}\n' for i in range(200)]
    path = tmp_path / "in.csv"
    path.write_text("who,note,age\n" + "".join(rows) + '200,"stray,1\n201,,2\n', "utf-8")
    whole = read_csv(path, ["who", "note"])
    assert whole.table.num_rows == 201
    for size in (64, 65, 400, 1 << 22):
        monkeypatch.setattr(table_blocks, "_BLOCK_BYTES", size)
        blocks = list(TableBlocks(path))
        tables = pa.concat_tables([each.table.select(["who", "note"]) for each in blocks])
        assert tables.to_pydict() == {
            name: [each.as_py().decode() for each in whole.table[name]] for name in ("who", "note")
        }
        numbers = [int(number) for each in blocks for number in each.numbers]
        assert numbers == whole.numbers.tolist()
        assert [bad for each in blocks for bad in each.bad] == whole.bad


def test_a_csv_file_is_written_as_it_stood(tmp_path):
    (tmp_path / "in.csv").write_text('who,age,likes,when,code\n7,1.50,,12,007\n"a ""b""",2,x,13,\n')
    blocks = TableBlocks(tmp_path / "in.csv")
    with TableWriter(tmp_path / "out.csv.gz") as writer:
        for block in blocks:
            writer.write(block.table)
    lines = gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).decode().splitlines()
    assert lines[1] == '"7","1.50","","12","007"'
    assert lines[2].startswith('"a ""b""",')


def test_no_row_is_a_table_as_well(tmp_path):
    for ending in ("csv", "parquet"):
        path = write(tmp_path / f"none.{ending}", TABLE[:0])
        assert read(path) == {name: [] for name in NAMES}
        [block] = TableBlocks(path)
        assert "note" in block.table.column_names


def test_numbers_of_rows(tmp_path):
    assert TableBlocks(write(tmp_path / "a.parquet")).num_rows == 50
    assert TableBlocks(write(tmp_path / "a.csv")).num_rows is None


@pytest.mark.parametrize(
    # Arrow reads many blocks of a CSV file ahead.
    ("ending", "num_rows"),
    [("csv", 200_000), ("csv.bz2", 200_000), ("jsonl", 20_000), ("jsonl.gz", 20_000)],
)
def test_how_much_of_a_text_file_is_read(ending, num_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(table_blocks, "_BLOCK_BYTES", 1 << 16)
    path = tmp_path / f"a.{ending}"
    with TableWriter(path) as writer:
        writer.write(pa.table({"number": np.random.default_rng(0).random(num_rows)}))
    blocks = TableBlocks(path, block_rows=2000)
    shares = [blocks.share_read for _ in blocks]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.9
    assert shares[-1] == 1


def test_how_much_of_parquet_is_read_in_rows(tmp_path):
    blocks = TableBlocks(write(tmp_path / "a.parquet"))
    assert [blocks.share_read for _ in blocks] == [None]


def damaged(path: Path, change) -> Path:
    path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize(
    ("ending", "change", "found"),
    [
        ("csv", lambda b: b + b"1,2\n", "'line': 52, 'reason': '2 columns instead of 5'"),
        ("csv", lambda b: b.replace(b"note, 31", b"note, \xff"), "'line': 33, .*broken UTF-8"),
        ("csv", lambda b: b"", "is empty"),
        ("csv", lambda b: b.replace(b"who", b"whom", 1), 'the column "who". Did you mean "whom"'),
        ("csv", lambda b: b.replace(b"1.25", b"young"), "'line': 7, .*is not a number"),
        ("csv", lambda b: b.replace(b"1.25", b""), "'line': 7, .*is missing"),
        ("csv", lambda b: b.replace(b"\"041\"", b""), "'line': 43, .*is missing"),
        ("parquet", lambda b: b[: len(b) // 2], "cannot be read"),
        ("jsonl", lambda b: b[:-9], "'line': 50, .*no JSON"),
        ("jsonl", lambda b: b"", "is empty"),
    ],
)  # fmt: skip
def test_damage_is_one_error_that_names_the_file(ending, change, found, tmp_path):
    path = damaged(write(tmp_path / f"table.{ending}"), change)
    with pytest.raises(DataError, match=found) as raised:
        read(path, block_rows=5)
    assert path.name in str(raised.value)


def test_nothing_is_left_of_what_was_not_written_whole(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("what was there before")

    def interrupted(error):
        with TableWriter(path) as writer:
            writer.write(TABLE)
            raise error

    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error):
            interrupted(error)
    assert path.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DataError, match=r"nowhere/out\.parquet cannot be written"):
        write(tmp_path / "nowhere/out.parquet")
    with pytest.raises(DataError, match="does not end as a known format does"):
        TableWriter(tmp_path / "out.xlsx")


def test_parquet_keeps_types(tmp_path):
    table = pq.read_table(write(tmp_path / "a.parquet"))
    assert table.schema.field("age").type == pa.float64()
    np.testing.assert_array_equal(table["when"], TABLE["when"])


WHO = st.text("ab1 é\u0301-", min_size=1, max_size=6).filter(str.strip)
AGES = st.sampled_from(["1", "2.5", " 3", "old", "", "1e400"])


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(WHO, AGES), min_size=1, max_size=12, unique_by=lambda row: row[0]),
    separator=st.sampled_from(",;|\t"),
    padding=st.sampled_from(["", " "]),
    ending=st.sampled_from(["csv", "tsv", "csv.gz", "jsonl", "parquet"]),
    block_rows=st.integers(1, 5),
)
def test_training_and_serving_agree_on_every_row(
    tmp_path, rows, separator, padding, ending, block_rows
):
    path = tmp_path / f"log.{ending}"
    if ending == "jsonl":
        lines = [json.dumps({"who": who, "age": age}) for who, age in rows]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    elif ending == "parquet":
        who, age = zip(*rows, strict=True)
        pq.write_table(pa.table({"who": who, "age": age}), path)
    else:
        lines = [("who", "age"), *rows]
        text = "".join(f"{who}{separator}{padding}{age}\n" for who, age in lines).encode()
        path.write_bytes(gzip.compress(text) if ending.endswith("gz") else text)
    trained, served = Rejects("train"), Rejects("serve")
    meanings = {"who": "query key", "age": "numeric query"}
    table = read_table([TableFile(path, {})], meanings, trained, unique=["who"])
    found: dict[str, list] = {"who": [], "age": []}
    for block in TableBlocks(path, block_rows):
        for name, values in good_columns(block, SCHEMA, tuple(found), 2e9, served)[1].items():
            found[name] += values.tolist()
    kept = dict(
        zip(found["who"], found["age"], strict=True)
    )  # the same after NFC: once in training
    assert set(kept) == set(table["who"].to_pylist())
    assert trained.num_read == served.num_read == len(rows)
    assert served.num_read == served.num_rejected + len(found["who"])
    assert len(found["who"]) - table.num_rows == trained.num_rejected - served.num_rejected


def test_json_lines_whose_later_blocks_have_other_types_and_keys(tmp_path, monkeypatch):
    monkeypatch.setattr(table_blocks, "_BLOCK_BYTES", 64)
    rows: list[dict] = [{"who": 7, "age": 1} for _ in range(9)]
    rows += [{"who": "ann", "age": 2.5, "likes": ["a"], "when": 5} for _ in range(3)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    blocks, rejects = TableBlocks(tmp_path / "in.jsonl", 2), Rejects("in")
    assert blocks.column_names == ["who", "age", "likes", "when"]
    found = [
        good_columns(each, SCHEMA, ("who", "age", "likes"), 2e9, rejects)[1] for each in blocks
    ]
    assert np.concatenate([each["who"] for each in found]).tolist() == ["7"] * 9 + ["ann"] * 3
    assert np.concatenate([each["age"] for each in found]).tolist() == [1.0] * 9 + [2.5] * 3
    assert np.concatenate([each["likes"] for each in found]).tolist() == [""] * 9 + ["a"] * 3
    with TableWriter(tmp_path / "out.parquet") as writer:
        for block in blocks:
            writer.write(block.table)
    assert pq.read_table(tmp_path / "out.parquet")["when"].to_pylist() == [None] * 9 + [5] * 3
