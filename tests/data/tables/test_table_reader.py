import pyarrow as pa
import pytest

from mtframework.data.tables.rejects import Rejects
from mtframework.data.tables.table_reader import (
    Allowed,
    TableFile,
    as_columns,
    codes_of,
    read_table,
)

MEANINGS = {
    "user": "query key",
    "age": "numeric query",
    "film": "candidate key",
    "place": "categorical context",
    "stars": "label",
    "trust": "weight",
    "when": "timestamp",
}
HEADER = "user,age,film,place,stars,trust,when"
BAD = {
    ",30,Emma,Rome,4,1,1000": '"user" is missing',
    "ann,,Emma,Rome,4,1,1000": '"age" is missing',
    "ann,old,Emma,Rome,4,1,1000": '"age" is not a number',
    "ann,30,,Rome,4,1,1000": '"film" is missing',
    "ann,30,Emma,Rome,many,1,1000": '"stars" is not a number',
    "ann,30,Emma,Rome,inf,1,1000": '"stars" is not finite',
    "ann,30,Emma,Rome,4,,1000": '"trust" is missing',
    "ann,30,Emma,Rome,4,-1,1000": '"trust" is negative',
    "ann,30,Emma,Rome,4,1,": '"when" is missing',
    "ann,30,Emma,Rome,4,1,-1": '"when" is before 1970',
    "ann,30,Emma,Rome,4,1,2200-01-01": '"when" is in the future',
    "ann,30,Emma,Rome,4,1,later": '"when" is not a time',
    "ann,30,Emma,Rome,4": "5 columns instead of 7",
    '"ann,30,Emma,Rome,4,1,1000': "an unclosed quote",
    "bob,40,Dune,,,1,1001": "a row appears twice",
    "bob,40.0,Dune,,,1,1001": "a row appears twice",
    "ann,30,Solaris,Rome,4,1,1000": '"film" is unknown',
}
GOOD = ["ann,30,Emma,Rome,4,1,1000", "bob,40,Dune,,,1,1001", "ann,30,Emma,Oslo,4,1,1000"]


def test_every_kind_of_bad_row(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("\n".join([HEADER, *GOOD, *BAD]) + "\n")
    rejects = Rejects("log")
    films = Allowed(pa.array(["Emma", "Dune"], pa.large_string()), "is unknown")
    table = read_table([TableFile(path, {})], MEANINGS, rejects, {"film": films})
    assert table.to_pydict() == {
        "user": ["ann", "bob", "ann"],
        "age": [30, 40, 30],
        "film": ["Emma", "Dune", "Emma"],
        "place": ["Rome", "", "Oslo"],
        "stars": [4, None, 4],
        "trust": [1, 1, 1],
        "when": [1000, 1001, 1000],
    }
    told = {(each["line"], each["raw"], each["reason"]) for each in rejects.lines}
    first = 2 + len(GOOD)
    assert told == {(first + at, raw, reason) for at, (raw, reason) in enumerate(BAD.items())}
    assert {each["file"] for each in rejects.lines} == {str(path)}
    assert (rejects.num_read, rejects.num_rejected) == (len(GOOD) + len(BAD), len(BAD))


def test_duplicates_across_files_and_by_key(tmp_path):
    for name, lines in (("a", ["ann,1", "bob,2"]), ("b", ["bob,2", "ann,3", "cy,4"])):
        (tmp_path / f"{name}.csv").write_text("\n".join(["film,year", *lines]))
    meanings = {"film": "candidate key", "year": "numeric candidate"}
    files = [TableFile(tmp_path / f"{name}.csv", {}) for name in "ab"]
    for unique, kept, told in (
        (None, ["ann", "bob", "ann", "cy"], [("b.csv", 2, "a row appears twice")]),
        (
            ["film"],
            ["ann", "bob", "cy"],
            [("b.csv", 2, '"film" appears twice'), ("b.csv", 3, '"film" appears twice')],
        ),
    ):
        rejects = Rejects("films")
        table = read_table(files, meanings, rejects, unique=unique)
        assert table["film"].to_pylist() == kept
        found = [(each["file"][-5:], each["line"], each["reason"]) for each in rejects.lines]
        assert found == told


def test_codes_are_those_of_pairs_however_many_there_are():
    num_rows = 1 << 16
    values = pa.array(range(num_rows))
    table = pa.table(dict.fromkeys("abcde", values))  # 80 bits together
    assert len(set(codes_of(table, "abcde").tolist())) == num_rows
    table = pa.table({"a": ["x", "x", None, None], "b": [1.0, None, None, None]})
    codes = codes_of(table, ["a", "b"]).tolist()
    assert codes[2] == codes[3]
    assert len(set(codes)) == 3


@pytest.mark.parametrize("num_rows", [0, 2])
def test_columns_in_numpy(num_rows):
    table = pa.table(
        {
            "film": pa.array(["Emma", "Dune"], pa.large_string()),
            "stars": pa.array([4.0, None]),
            "when": pa.array([1000, 1001]),
        }
    )[:num_rows]
    columns = as_columns(table)
    assert {name: values.dtype.kind for name, values in columns.items()} == {
        "film": "U",
        "stars": "f",
        "when": "i",
    }
    assert str(columns["stars"].tolist()) == str([4.0, float("nan")][:num_rows])
