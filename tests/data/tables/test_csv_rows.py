import gzip

import pytest

from mtframework.data.tables.csv_rows import read_csv
from mtframework.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write(content: bytes, name: str = "log.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def rows_of(rows) -> dict:
    return rows.table.to_pydict()


@pytest.mark.parametrize(
    "content",
    [
        b'user,film,stars\nann,"Postino, Il",4\nbob,Emma,\n',
        b'\xef\xbb\xbfuser;film;stars\r\nann;"Postino, Il";4\r\n\r\nbob;Emma;\r\n',
        b"stars\tuser\tplace\tfilm\n4\tann\tRome\tPostino, Il\n\tbob\t\tEmma",
    ],
    ids=["commas", "semicolons, CRLF, a mark and an empty line", "tabulators, more columns"],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_ways_to_write_the_same_rows(write, content, compressed):
    path = write(gzip.compress(content), "log.csv.gz") if compressed else write(content)
    rows = read_csv(path, ["user", "film", "stars"])
    assert rows_of(rows) == {
        "user": [b"ann", b"bob"],
        "film": [b"Postino, Il", b"Emma"],
        "stars": [b"4", b""],
    }
    assert rows.bad == []
    assert rows.numbers.tolist() == ([2, 4] if b"\r" in content else [2, 3])


def test_bad_rows_cost_no_other_row(write):
    lines = [
        b"user,film,stars",  # line 1
        b"ann,Emma,4",
        b"ann,Dune",  # too few
        b"bob,Dune,3,x",  # too many
        b'"bob,Dune,3',  # unclosed
        b'cy,24" screen,1',  # a stray quote that means itself
        b"dan,Em\rma,2",
        b'eve,"Em""ma",5',
        b'eve,x"y,"z',  # unclosed, though two quotes stand in it
        b"fay,\xff,1",
        b"fay,\xff",
        "gül,Dune,1".encode(),
    ]
    rows = read_csv(write(b"\n".join(lines)), ["film", "user"])
    assert rows_of(rows)["film"] == [b"Emma", b'24" screen', b'Em"ma', b"Dune"]
    assert rows.numbers.tolist() == [2, 6, 8, 12]
    assert rows.raw(1) == 'cy,24" screen,1'
    assert sorted((bad.number, bad.reason, bad.raw) for bad in rows.bad) == [
        (3, "2 columns instead of 3", "ann,Dune"),
        (4, "4 columns instead of 3", "bob,Dune,3,x"),
        (5, "an unclosed quote", '"bob,Dune,3'),
        (7, "a line break within the row", "dan,Em\rma,2"),
        (9, "an unclosed quote", 'eve,x"y,"z'),
        (10, "broken UTF-8", "fay,\\xff,1"),
        (11, "broken UTF-8", "fay,\\xff"),
    ]


def test_a_quoted_value_may_hold_line_breaks(write):
    content = b'user,film,stars\r\nann,"Emma\r\n\r\nby ""Jane"", 1815",4\r\nbob,Dune,3\r\n'
    rows = read_csv(write(content), ["film", "stars"])
    assert rows_of(rows) == {
        "film": [b'Emma\n\nby "Jane", 1815', b"Dune"],
        "stars": [b"4", b"3"],
    }
    assert rows.numbers.tolist() == [2, 5]
    assert rows.raw(0) == 'ann,"Emma\n\nby ""Jane"", 1815",4'
    assert rows.bad == []


@pytest.mark.parametrize(
    ("lines", "good", "bad"),
    [
        (
            [b'ann,"Emma', b"bob,Dune", b'cy,"Heat', b"dan,Alien"],
            [b"Dune", b"Alien"],
            {2: "an unclosed quote", 4: "an unclosed quote"},
        ),
        (  # one long value, or two stray quotes around a row?
            [b'ann,"Emma', b"bob,Dune", b'cy,Heat"', b"dan,Alien"],
            [b"Alien"],
            dict.fromkeys([2, 3, 4], "an open quote that would swallow other rows"),
        ),
        (
            [b'ann,"Emma', b"by Jane", b'1815"', b'bob,"Dune', b"cy,Heat"],
            [b"Emma\nby Jane\n1815", b"Heat"],
            {5: "an unclosed quote"},
        ),
        (
            [b'ann,"Emma', b'1815",4,5', b"cy,Heat"],
            [b"Heat"],
            {2: "an unclosed quote", 3: "3 columns instead of 2"},
        ),
    ],
    ids=["stray quotes", "either", "a value of three lines", "too many values"],
)
def test_stray_quotes_swallow_no_rows(write, lines, good, bad):
    rows = read_csv(write(b"\n".join([b"user,film", *lines])), ["film"])
    assert rows_of(rows)["film"] == good
    assert {each.number: each.reason for each in rows.bad} == bad


def test_a_quote_that_is_open_for_a_million_bytes_is_a_stray_one(write):
    long = b"\n".join([b"x" * 100] * 12_000)
    rows = read_csv(write(b'user,film\nann,"' + long + b'"\nbob,Dune\n'), ["film"])
    assert rows_of(rows)["film"] == [b"Dune"]
    assert len(rows.bad) == 12_000


def test_nothing_but_a_header(write):
    assert rows_of(read_csv(write(b"user,film\n"), ["user"])) == {"user": []}


def test_a_row_longer_than_a_block(write):
    long = b"x" * 5_000_000
    rows = read_csv(write(b"user,film\nann," + long + b"\nbob,Emma\n"), ["user", "film"])
    assert rows_of(rows) == {"user": [b"ann", b"bob"], "film": [long, b"Emma"]}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "log.csv is empty."),
        (
            b"usr,films,stars\nann,Emma,4\n",
            'log.csv lacks the columns "film", "user". Did you mean "usr"? Did you mean "films"?',
        ),
        (b"user,film,user\nann,Emma,bob\n", 'log.csv has the column "user" twice.'),
        (
            b"\xff\xfeuser,film\n",
            "log.csv cannot be read: its first line is not a list of names in",
        ),
    ],
)
def test_files_that_are_refused(write, content, found):
    with pytest.raises(DataError) as raised:
        read_csv(write(content), ["user", "film"])
    assert found in raised.value.found


def test_a_cut_archive(write):
    whole = gzip.compress(b"user,film\n" + bytes(range(65, 91)) * 999, 0)
    with pytest.raises(DataError, match=r"log\.csv\.gz cannot be read"):
        read_csv(write(whole[:2000], "log.csv.gz"), ["user"])


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        read_csv(tmp_path / "none.csv", ["user"])
