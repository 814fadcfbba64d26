"""Rows of a Parquet file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from mtframework.data.tables.file_rows import FileRows, check_names, unreadable


def read_parquet(path: Path, names: Sequence[str]) -> FileRows:
    """Returns the columns `names` of a Parquet file; no other column is read.

    Raises:
        DataError: The file is cut off or damaged, or lacks a column.
    """
    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            check_names(path, names, file.schema_arrow.names)
            expected = file.metadata.num_rows
            table = file.read(columns=list(names)).select(list(names))
        table.validate()
    except (OSError, pa.ArrowException, MemoryError) as error:
        raise unreadable(path, error) from error
    if table.num_rows != expected:
        raise unreadable(path, f"it holds {table.num_rows} rows and says that it has {expected}")

    def raw(row: int) -> dict:
        return {name: plain_value(table[name][row]) for name in names}

    return FileRows(path, table, np.arange(1, expected + 1), "row", raw)


def plain_value(value: pa.Scalar) -> object:
    """Returns a value of a column, a text also where it is broken UTF-8."""
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return value.as_buffer().to_pybytes().decode("utf-8", "backslashreplace")
