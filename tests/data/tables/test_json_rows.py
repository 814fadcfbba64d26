import pytest

from mtframework.data.tables.json_rows import read_json_lines
from mtframework.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write(*lines: bytes):
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"\n".join(lines))
        return path

    return write


def test_values_keep_their_types(write):
    path = write(
        b'{"user": 1, "film": "Emma", "genres": ["Drama", "War"]}',
        b"",
        b'{"film": "Dune", "user": 2, "genres": null, "place": {"city": "Rome"}}',
    )
    rows = read_json_lines(path, ["film", "user", "genres"])
    assert rows.table.to_pydict() == {
        "film": ["Emma", "Dune"],
        "user": [1, 2],
        "genres": [["Drama", "War"], None],
    }
    assert rows.numbers.tolist() == [1, 3]
    assert rows.bad == []


def test_bad_lines_and_mixed_types_cost_no_other_line(write):
    path = write(
        b'{"user": 1, "stars": 4, "genres": ["War"]}',
        b'{"user": "b", "stars": 4.5, "genres": []}',
        b'{"user": 3.0, "stars": true}',
        b'{"user": 4, "stars":',
        b"[1, 2]",
        b'{"user": "\xff", "stars": 1}',
        b'{"user": {"id": 5}, "stars": null, "more": "\\ud800"}',
        b'{"user": 6} {"user": 7}',
    )
    rows = read_json_lines(path, ["user", "stars", "genres"])
    assert rows.table.to_pydict() == {
        "user": ["1", "b", "3", '{"id": 5}'],
        "stars": ["4", "4.5", "true", None],
        "genres": [["War"], [], None, None],
    }
    assert rows.numbers.tolist() == [1, 2, 3, 7]
    assert [(bad.number, bad.reason) for bad in rows.bad] == [
        (4, "no JSON"),
        (5, "not a JSON object"),
        (6, "broken UTF-8"),
        (8, "no JSON"),
    ]
    assert rows.bad[2].raw == '{"user": "\\xff", "stars": 1}'


def test_nothing_good(write):
    rows = read_json_lines(write(b"user,film", b"ann,Emma"), ["user"])
    assert rows.table.num_rows == 0
    assert len(rows.bad) == 2


def test_a_key_that_no_row_has(write):
    with pytest.raises(DataError, match=r"lacks the column \"user\"\. Did you mean \"usr\"\?"):
        read_json_lines(write(b'{"usr": 1}'), ["user"])
    with pytest.raises(DataError, match="is empty"):
        read_json_lines(write(b""), ["user"])
