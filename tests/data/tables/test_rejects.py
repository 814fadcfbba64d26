import json
from pathlib import Path

import pytest

from mtframework.data.tables.file_rows import BadRow
from mtframework.data.tables.rejects import Rejects, write_rejects
from mtframework.errors import DataError


def make_rejects(num_bad: int, num_read: int = 1000) -> Rejects:
    rejects = Rejects("log.csv")
    rejects.num_read = num_read
    for number in range(num_bad):
        rejects.add(Path("log.csv"), "line", BadRow(number + 2, f"reason {number % 8}", "é\ud800"))
    return rejects


def test_one_sentence_with_the_most_frequent_reasons():
    assert make_rejects(9).summary() == (
        "log.csv: 1,000 rows read, 991 accepted, 9 rejected: reason 0 (2), reason 1 (1), "
        "reason 2 (1), reason 3 (1), reason 4 (1), reason 5 (1), 2 other reasons."
    )
    assert make_rejects(0).summary() == "log.csv: 1,000 rows read, 1,000 accepted, 0 rejected."


def test_the_threshold():
    make_rejects(10).check(0.01, "rejects.jsonl")
    with pytest.raises(DataError, match=r"11 rejected.*\n.*At most 0.01.*\n.*rejects.jsonl"):
        make_rejects(11).check(0.01, "rejects.jsonl")
    with pytest.raises(DataError, match=r"log\.csv holds no rows"):
        make_rejects(0, 0).check(0.01, "rejects.jsonl")


def test_the_file(tmp_path):
    path = tmp_path / "rejects.jsonl"
    write_rejects(path, [make_rejects(0)])
    assert not path.exists()
    rejects = Rejects("log.csv")
    rejects.add(Path("log.csv"), "row", BadRow(3, "no good", {"user": None}))
    write_rejects(path, [make_rejects(0), rejects])
    (line,) = path.read_text("utf-8").splitlines()
    assert json.loads(line) == {
        "file": "log.csv",
        "row": 3,
        "reason": "no good",
        "raw": {"user": None},
    }
    write_rejects(path, [make_rejects(0)])  # an older file would mislead
    assert path.read_text() == ""
    assert [each.name for each in tmp_path.iterdir()] == ["rejects.jsonl"]


def test_no_half_written_file(tmp_path):
    path = tmp_path / "rejects.jsonl"
    path.mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        write_rejects(path, [make_rejects(1)])
    assert [each.name for each in tmp_path.iterdir()] == ["rejects.jsonl"]
