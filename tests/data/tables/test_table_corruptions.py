"""Whatever is wrong with a file ends in counted rejects or in one error, and nothing is lost."""

import json
import random
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtframework.data.streaming.row_stream import RowStream
from mtframework.data.tables.rejects import Rejects, write_rejects
from mtframework.data.tables.table_reader import TableFile, read_table
from mtframework.errors import DataError

NUM_ROWS = 40
ROWS = [
    (f"user {row % 7}", f"film, {row % 11}", f"{row % 5 / 2}", str(1_600_000_000 + row))
    for row in range(NUM_ROWS)
]
NAMES = ["user", "film", "stars", "when"]
MEANINGS = dict(zip(NAMES, ["query key", "candidate key", "label", "timestamp"], strict=True))
VALUES = ["", "x", "-5", "inf", "nan", "1e400", "9" * 30, "é", "a,b", '"', "\\", " ", "2024-02-30"]
SNIPPETS = [b"", b"\n", b"\r", b'"', b'""', b",", b"\xff", b"\x00", b"\\", b"\xef\xbb\xbf", b"'"]


def good_csv() -> bytes:
    lines = [",".join(NAMES)] + [f'{user},"{film}",{stars},{at}' for user, film, stars, at in ROWS]
    return "".join(f"{line}\n" for line in lines).encode()


def good_table() -> pa.Table:
    columns = list(zip(*ROWS, strict=True))
    stars, when = [float(each) for each in columns[2]], [int(each) for each in columns[3]]
    return pa.table(dict(zip(NAMES, [columns[0], columns[1], stars, when], strict=True)))


def read(path) -> tuple[pa.Table, Rejects]:
    """Reads the file and checks the counts, the reasons and the rejects file."""
    rejects = Rejects("log")
    table = read_table([TableFile(path, {})], MEANINGS, rejects)
    assert table.num_rows + rejects.num_rejected == rejects.num_read
    assert len(rejects.lines) == rejects.num_rejected
    written = path.with_name("rejects.jsonl")
    write_rejects(written, [rejects])
    if rejects.lines:
        told = [json.loads(line) for line in written.read_text("utf-8").splitlines()]
        assert len(told) == rejects.num_rejected
        assert all(each["reason"] and each["file"] == str(path) for each in told)
    assert table["user"].null_count == table["film"].null_count == table["when"].null_count == 0
    return table, rejects


def stream(path) -> tuple[pa.Table, Rejects]:
    """Streams the file in small blocks, and checks the counts."""
    rejects = Rejects("log")
    blocks = list(RowStream([path], MEANINGS, time.time(), block_rows=7).blocks(rejects))
    table = pa.concat_tables([block.table for block in blocks])
    assert table.num_rows + rejects.num_rejected == rejects.num_read
    assert len(rejects.lines) == rejects.num_rejected
    return table, rejects


def read_or_refuse(path, read=read) -> tuple[pa.Table, Rejects] | None:
    """Reads the file, or returns None where one error names it."""
    try:
        return read(path)
    except DataError as error:
        found = error.found
    assert found.startswith(str(path))
    return None


@st.composite
def damaged_csv(draw) -> bytes:
    data = good_csv()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 0, 1, 2, 40]))
        data = data[:at] + draw(st.sampled_from(SNIPPETS)) + data[at + length :]
    return data[: draw(st.sampled_from([None, None, None, len(data) // 2, 1, 0]))]


SETTINGS = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@SETTINGS
@given(data=damaged_csv())
def test_a_damaged_csv(tmp_path, data):
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    outcome = read_or_refuse(path)
    if outcome is None:
        return
    table, rejects = outcome
    # A row is a line that is not empty, whatever stands in it.
    lines = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")
    assert rejects.num_read == len([line for line in lines if line]) - 1
    if data.startswith(good_csv().split(b"\n")[0] + b"\n"):
        good = dict(zip(good_csv().split(b"\n")[1:], (row[3] for row in ROWS), strict=False))
        intact = {int(good[line]) for line in lines if good.get(line)}
        assert intact <= set(table["when"].to_pylist())


@SETTINGS
@given(
    changes=st.dictionaries(st.integers(0, NUM_ROWS - 1), st.sampled_from(VALUES), min_size=1),
    column=st.integers(0, 3),
)
def test_wrong_values_are_those_rejected(tmp_path, changes, column):
    rows = [list(row) for row in ROWS]
    for row, value in changes.items():
        rows[row][column] = value
    path = tmp_path / "log.csv"
    quoted = [",".join('"' + each.replace('"', '""') + '"' for each in row) for row in rows]
    path.write_text("\n".join([",".join(NAMES), *quoted]), "utf-8")
    table, rejects = read(path)
    assert rejects.num_read == NUM_ROWS
    wrong = {
        "user": {"", " "},
        "film": {"", " "},
        "stars": {"x", "inf", "1e400", "é", "a,b", '"', "\\", "2024-02-30"},
        "when": {*VALUES},
    }[NAMES[column]]
    expected = {row + 2 for row, value in changes.items() if value in wrong}
    assert {line["line"] for line in rejects.lines} == expected
    untouched = [row for at, row in enumerate(ROWS) if at not in changes]
    found = list(zip(*(table[name].to_pylist() for name in ("user", "film", "when")), strict=True))
    assert {(row[0], row[1], int(row[3])) for row in untouched} <= set(found)


@SETTINGS
@given(seed=st.integers(0, 10_000), num_bytes=st.integers(1, 12), cut=st.booleans())
def test_a_damaged_parquet(tmp_path, seed, num_bytes, cut):
    path = tmp_path / "log.parquet"
    pq.write_table(good_table(), path, write_page_checksum=True, row_group_size=15)
    draw = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(num_bytes):
        data[draw.randrange(len(data))] = draw.randrange(256)
    if cut:
        del data[draw.randrange(len(data)) :]
    path.write_bytes(data)
    whole, streamed = read_or_refuse(path), read_or_refuse(path, stream)
    assert (whole is None) == (streamed is None)
    if whole is not None and streamed is not None:
        assert whole[1].num_read == streamed[1].num_read


@SETTINGS
@given(
    changes=st.dictionaries(
        st.integers(0, NUM_ROWS - 1), st.sampled_from([None, *VALUES]), min_size=1
    ),
    column=st.integers(0, 3),
)
def test_wrong_values_in_a_parquet_are_those_rejected(tmp_path, changes, column):
    table = pa.table(dict(zip(NAMES, zip(*ROWS, strict=True), strict=True))).to_pydict()
    for row, value in changes.items():
        table[NAMES[column]][row] = value
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table(table), path, row_group_size=15)
    wrong = {
        "user": {None, "", " "},
        "film": {None, "", " "},
        "stars": {"x", "inf", "1e400", "é", "a,b", '"', "\\", "2024-02-30"},
        "when": {None, *VALUES},
    }[NAMES[column]]
    expected = [row + 1 for row, value in sorted(changes.items()) if value in wrong]
    untouched = [row for at, row in enumerate(ROWS) if at not in changes]
    for found, rejects in (read(path), stream(path)):
        assert rejects.num_read == NUM_ROWS
        assert sorted(line["row"] for line in rejects.lines) == expected
        rows = list(
            zip(*(found[name].to_pylist() for name in ("user", "film", "when")), strict=True)
        )
        assert {(row[0], row[1], int(row[3])) for row in untouched} <= set(rows)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_values_in_a_parquet(tmp_path, name):
    table = good_table().to_pydict()
    table["user"][3] = None
    table["film"][5] = ""
    table["stars"][7] = float("inf")
    table["when"][9] = -1
    table["when"][11] = 10**12
    table = {each: [*values, values[0]] for each, values in table.items()}
    table[name] = [str(each) if each is not None else None for each in table[name]]
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table(table), path)
    found, rejects = read(path)
    assert [(line["row"], line["reason"]) for line in rejects.lines] == [
        (4, '"user" is missing'),
        (6, '"film" is missing'),
        (8, '"stars" is not finite'),
        (10, '"when" is before 1970'),
        (12, '"when" is in the future'),
        (NUM_ROWS + 1, "a row appears twice"),
    ]
    assert found.num_rows == NUM_ROWS - 5
