import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtframework.data.tables import table_head
from mtframework.data.tables.table_head import read_head
from mtframework.errors import DataError

ROWS = [{"user": f"user {row}", "item": row} for row in range(1000)]


def write_csv(path):
    text = "user,item\n" + "".join(f"{row['user']},{row['item']}\n" for row in ROWS)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def write_json(path):
    path.write_text(
        "".join(f'{{"user": "{row["user"]}", "item": {row["item"]}}}\n' for row in ROWS)
    )


def write_parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=300)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("log.csv", write_csv),
        ("log.csv.gz", write_csv),
        ("log.jsonl", write_json),
        ("log.parquet", write_parquet),
    ],
)
def test_no_more_than_the_first_rows_are_read(tmp_path, monkeypatch, name, write):
    write(tmp_path / name)
    whole = read_head(tmp_path / name)
    assert (whole.column_names, whole.num_rows) == (["user", "item"], 1000)
    monkeypatch.setattr(table_head, "_MAX_ROWS", 150)
    assert read_head(tmp_path / name).num_rows == 150
    monkeypatch.setattr(table_head, "_MAX_BYTES", 205)  # ten lines and a bit, or less
    rows = read_head(tmp_path / name)
    assert rows.num_rows < 20 or name.endswith("parquet")
    last = rows["user"][rows.num_rows - 1].as_py()
    assert last in (f"user {rows.num_rows - 1}", f"user {rows.num_rows - 1}".encode())


def test_columns_that_cannot_be_named_are_left_out(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(",user,item,item\n0,ann,x,y\n")
    assert read_head(path).column_names == ["user"]


def test_a_file_that_is_none(tmp_path):
    path = tmp_path / "log.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"log\.parquet cannot be read"):
        read_head(path)
