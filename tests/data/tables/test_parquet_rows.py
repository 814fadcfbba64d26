import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtframework.data.tables.parquet_rows import read_parquet
from mtframework.errors import DataError


@pytest.fixture
def path(tmp_path):
    table = pa.table({"user": ["ann", None], "film": [1, 2], "genres": [["War"], []]})
    pq.write_table(table, tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


def test_columns_asked_for(path):
    rows = read_parquet(path, ["genres", "user"])
    assert rows.table.to_pydict() == {"genres": [["War"], []], "user": ["ann", None]}
    assert rows.numbers.tolist() == [1, 2]
    assert rows.raw(1) == {"genres": [], "user": None}


def test_a_missing_column(path):
    with pytest.raises(DataError, match=r"lacks the column \"films\"\. Did you mean \"film\"\?"):
        read_parquet(path, ["films"])


@pytest.mark.parametrize("num_bytes", [0, 3, 300, -1])
def test_a_truncated_file_is_named(path, num_bytes):
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(DataError) as raised:
        read_parquet(path, ["user"])
    assert raised.value.found.startswith(f"{path} cannot be read: ")
    assert "\n" not in raised.value.found


def test_a_broken_text_can_be_shown(tmp_path):
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"]).buffers())
    pq.write_table(pa.table({"user": broken}), tmp_path / "log.parquet")
    rows = read_parquet(tmp_path / "log.parquet", ["user"])
    assert (rows.raw(0), rows.raw(1)) == ({"user": "a"}, {"user": "\\xff"})
