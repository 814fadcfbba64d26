"""A file of any size, block by block, as the reader of training reads it."""

import contextlib
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from mtframework.data.tables.column_values import vectors_of
from mtframework.data.tables.csv_rows import parse_rows, read_header
from mtframework.data.tables.file_rows import FileRows, check_names, unreadable
from mtframework.data.tables.json_rows import parse_json_lines
from mtframework.data.tables.parquet_rows import plain_value
from mtframework.data.tables.rejects import Rejects
from mtframework.data.tables.table_columns import SECONDS, meaning_of
from mtframework.data.tables.table_files import COMPRESSIONS, CSV, JSON_LINES, format_of
from mtframework.data.tables.table_reader import good_rows
from mtframework.data.tables.text_lines import Lines
from mtframework.errors import DataError
from mtframework.schema.schema import Schema

_BLOCK_BYTES = 1 << 22


class TableBlocks:
    """The rows of a CSV, JSON lines or Parquet file, so many at once.

    Dialects, compression and what is a bad row are those of `mtframework.Tables`, since the lines
    go through the same functions.

    Args:
        path: The file.
        block_rows: At most so many rows at once.

    Raises:
        DataError: The file cannot be read; also while it is read.
    """

    def __init__(self, path: Path, block_rows: int = 8192):
        self.path = path
        self.block_rows = block_rows
        self.format = format_of(path)
        self.share_read: float | None = None
        """How much of a text file's bytes has been read; None of others."""
        # Of JSON lines only all blocks together tell the columns and their types.
        self._schema = _schema_of(self._checked()) if self.format == JSON_LINES else None
        with contextlib.closing(self._checked()) as blocks:
            names = next(blocks).table.column_names
            self.column_names = names if self._schema is None else self._schema.names

    def require(self, names: Sequence[str]) -> None:
        """Raises a `DataError` where the file lacks one of the columns."""
        fix = "Add the column, or give it that name in the file."
        check_names(self.path, names, self.column_names, fix)

    @property
    def num_rows(self) -> int | None:
        """How many rows there are, where the file says so: Parquet."""
        if self.format in (CSV, JSON_LINES):
            return None
        with pyarrow.parquet.ParquetFile(self.path) as file:
            return file.metadata.num_rows

    def __iter__(self) -> Generator[FileRows, None, None]:
        """Yields the blocks, all with the same columns; of no rows, an empty one."""
        for rows in self._checked():
            table = rows.table if self._schema is None else _fitted(rows.table, self._schema)
            for start in range(0, max(table.num_rows, 1), self.block_rows):
                yield _part(rows, table, start, start + self.block_rows)

    def _checked(self) -> Generator[FileRows, None, None]:
        """Yields the blocks as the format gives them, of texts in place of bytes."""
        read = {CSV: self._csv, JSON_LINES: self._json_lines}.get(self.format, self._parquet)
        try:
            for rows in read():
                yield replace(rows, table=_plain_texts(rows.table))
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise unreadable(self.path, error) from error

    def _csv(self) -> Iterator[FileRows]:
        header: list[str] = []
        first, separator, rest, found = b"", ",", Lines.of(b""), False
        for lines, is_last in self._lines():
            if not header and (len(lines) or is_last):
                header, separator = read_header(self.path, lines)
                first = lines[0]
                lines = lines.where(np.arange(len(lines)) > 0)
            lines = rest + lines
            if not header or (is_last and found and not len(lines)):
                continue
            found = True
            names = [name for name in header if name and header.count(name) == 1]
            rows, rest = parse_rows(self.path, lines, first, header, separator, names, is_last)
            yield rows

    def _json_lines(self) -> Iterator[FileRows]:
        found = False
        for lines, _ in self._lines():
            if len(lines):
                found = True
                yield parse_json_lines(self.path, lines, None)
        if not found:
            raise DataError(
                f"{self.path} is empty.", "One JSON object on each line.", "Check the file."
            )

    def _parquet(self) -> Iterator[FileRows]:
        with pyarrow.parquet.ParquetFile(self.path, page_checksum_verification=True) as file:
            batches = (pa.Table.from_batches([each]) for each in file.iter_batches(self.block_rows))
            done = 0
            for table in batches:
                yield self._of_parquet(table, done)
                done += table.num_rows
            if not done:
                yield self._of_parquet(file.schema_arrow.empty_table(), 0)

    def _of_parquet(self, table: pa.Table, first: int) -> FileRows:
        def raw(row: int) -> dict:
            return {name: plain_value(table[name][row]) for name in table.column_names}

        numbers = np.arange(first + 1, first + 1 + table.num_rows)
        return FileRows(self.path, table, numbers, "row", raw)

    def _lines(self) -> Iterator[tuple[Lines, bool]]:
        """Yields some millions of bytes of lines at once, and whether they are the last."""
        compression = COMPRESSIONS.get(self.path.suffix.lower())
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(pa.OSFile(str(self.path)))
            text: Any = file
            if compression is not None:
                text = stack.enter_context(pa.CompressedInputStream(file, compression))
            rest, number = b"", 1
            while chunk := text.read(_BLOCK_BYTES):
                data, newline, rest = (rest + chunk).rpartition(b"\n")
                if newline:
                    self.share_read = file.tell() / max(file.size(), 1)
                    yield Lines.of(data + newline, number), False
                    number += data.count(b"\n") + 1
            self.share_read = 1.0
            yield Lines.of(rest, number), True


def good_columns(
    rows: FileRows, schema: Schema, names: Sequence[str], now: float, rejects: Rejects
) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """Returns a block's good rows as the file has them, and as the columns that a model encodes.

    Args:
        rows: Some rows of a file.
        schema: What the columns are.
        names: Which columns to return.
        now: The seconds since 1970 after which, and a day, a timestamp is in the future.
        rejects: Counts the rows, and takes the bad ones.
    """
    meanings = {name: _meaning(schema, name) for name in names}
    values, kept = good_rows(rows, {}, meanings, now, {}, rejects)
    columns = {
        name: vectors_of(values[name])
        if name in schema and schema[name].kind == "vector"
        else values[name].to_numpy(zero_copy_only=False)
        for name in names
    }
    return rows.table.take(kept), columns


def _meaning(schema: Schema, name: str) -> str:
    if name not in schema:  # a list of things that a request brings, such as a history
        return "multi_categorical query"
    column = schema[name]
    if name in (schema.query_key, schema.candidate_key):
        return "query key" if name == schema.query_key else "candidate key"
    return SECONDS if column.role == "timestamp" else meaning_of(column)


def _plain_texts(table: pa.Table) -> pa.Table:
    """Returns a table with texts in place of a CSV file's bytes, and where nothing says a type."""
    fields = [field.with_type(_plain(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_binary(kind) or pa.types.is_null(kind):
        return pa.large_string()
    if pa.types.is_list(kind) and pa.types.is_null(kind.value_type):
        return pa.list_(pa.string())
    return kind


def _schema_of(blocks: Iterable[FileRows]) -> pa.Schema:
    """Returns the columns of all blocks, each with a type that all its values fit into."""
    types: dict[str, pa.DataType] = {}
    for rows in blocks:
        for field in rows.table.schema:
            types[field.name] = _common(types.get(field.name, field.type), field.type)
    return pa.schema(list(types.items()))


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    if _is_number(one) and _is_number(other):
        return pa.float64()
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(pa.string())
    return pa.large_string()


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Returns a block with the columns of all blocks, since all go into one output."""
    if table.schema.equals(schema):
        return table
    columns = [
        _cast(table[field.name], field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_large_string(kind) and pa.types.is_nested(column.type):
        texts = [None if each is None else json.dumps(each) for each in column.to_pylist()]
        return pa.array(texts, kind)
    return column.cast(kind)


def _part(rows: FileRows, table: pa.Table, start: int, end: int) -> FileRows:
    return FileRows(
        rows.path,
        table[start:end],
        rows.numbers[start:end],
        rows.numbered,
        lambda row: rows.raw(start + row),
        rows.bad if start == 0 else [],
    )
