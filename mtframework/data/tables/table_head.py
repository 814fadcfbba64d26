"""The first rows of a file, with all of its columns."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from mtframework.data.tables.csv_rows import parse_csv, read_header
from mtframework.data.tables.file_rows import unreadable
from mtframework.data.tables.json_rows import parse_json_lines
from mtframework.data.tables.table_files import CSV, JSON_LINES, format_of
from mtframework.data.tables.text_lines import Lines

_MAX_ROWS = 100_000
_MAX_BYTES = 1 << 25


def read_head(path: Path) -> pa.Table:
    """Returns the first 100,000 rows of a file, of a text file at most what 32 MiB hold.

    Values are as the file has them; rows that cannot be told apart, and columns without a name or
    with one that another has, are left out.

    Raises:
        DataError: The file cannot be read.
    """
    if format_of(path) == CSV:
        lines = Lines.read(path, _MAX_BYTES)
        names, _ = read_header(path, lines)
        table = parse_csv(path, lines, _told_apart(names)).table
    elif format_of(path) == JSON_LINES:
        table = parse_json_lines(path, Lines.read(path, _MAX_BYTES), None).table
    else:
        table = _parquet_head(path)
    return table.select(_told_apart(table.column_names))[:_MAX_ROWS]


def _parquet_head(path: Path) -> pa.Table:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            batch = next(file.iter_batches(_MAX_ROWS), None)
            if batch is None:
                return file.schema_arrow.empty_table()
        return pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def _told_apart(names: list[str]) -> list[str]:
    return [name for name in names if name and names.count(name) == 1]
