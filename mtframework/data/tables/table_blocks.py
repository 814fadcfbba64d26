"""A file of any size, block by block, as the columns that a model reads."""

import contextlib
import io
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from mtframework.data.tables import column_values
from mtframework.data.tables.file_rows import check_names, unreadable
from mtframework.data.tables.parquet_rows import plain_value
from mtframework.data.tables.table_columns import SECONDS
from mtframework.data.tables.table_files import COMPRESSIONS, CSV, JSON_LINES, format_of
from mtframework.errors import DataError
from mtframework.schema.schema import Column, Schema

_BLOCK_BYTES = 1 << 22


class TableBlocks:
    """The rows of a CSV, JSON lines or Parquet file, so many at once.

    The columns of a CSV file are texts, as they stand there.

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
        self.column_names = next(iter(self)).column_names

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

    def __iter__(self) -> Iterator[pa.Table]:
        """Yields the blocks; of a table without a row, one without a row."""
        read = {CSV: self._csv, JSON_LINES: self._json_lines}.get(self.format, self._parquet)
        try:
            for block in read():
                for start in range(0, max(block.num_rows, 1), self.block_rows):
                    yield block.slice(start, self.block_rows)
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise unreadable(self.path, error) from error

    def _csv(self) -> Iterator[pa.Table]:
        read = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES)
        with pyarrow.csv.open_csv(self.path, read) as file:
            names = file.schema.names
        types = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
        )
        with (
            self._text() as (raw, text),
            pyarrow.csv.open_csv(text, read, convert_options=types) as file,
        ):
            empty = file.schema.empty_table()
            batches = (pa.Table.from_batches([batch]) for batch in file)
            yield self._after(raw, next(batches, empty))
            yield from (self._after(raw, each) for each in batches if each.num_rows)

    def _parquet(self) -> Iterator[pa.Table]:
        with pyarrow.parquet.ParquetFile(self.path, page_checksum_verification=True) as file:
            batches = (pa.Table.from_batches([each]) for each in file.iter_batches(self.block_rows))
            yield next(batches, file.schema_arrow.empty_table())
            yield from batches

    def _json_lines(self) -> Iterator[pa.Table]:
        schema = None
        with self._text() as (raw, text):
            buffered = io.BufferedReader(text)  # closes the file when nothing refers to it
            lines = iter(buffered.readline, b"")
            while chunk := b"".join(itertools.islice(lines, self.block_rows)):
                options = pyarrow.json.ReadOptions(block_size=max(_BLOCK_BYTES, len(chunk) + 1))
                block = pyarrow.json.read_json(pa.BufferReader(chunk), options)
                # Every block must fit into one output.
                schema = schema or block.schema
                yield self._after(raw, block.select(schema.names).cast(schema))
        if schema is None:
            raise DataError(f"{self.path} is empty.", "An object a line.", "Check the file.")

    @contextlib.contextmanager
    def _text(self) -> Iterator[tuple[pa.NativeFile, pa.NativeFile]]:
        """Yields the file as it is, which knows how far it is read, and as text."""
        compression = COMPRESSIONS.get(self.path.suffix.lower())
        with pa.OSFile(str(self.path)) as raw:
            if compression is None:
                yield raw, raw
                return
            with pa.CompressedInputStream(raw, compression) as text:
                yield raw, text

    def _after(self, raw: pa.NativeFile, block: pa.Table) -> pa.Table:
        self.share_read = raw.tell() / max(raw.size(), 1)
        return block


def raw_columns(
    block: pa.Table, schema: Schema, names: Sequence[str], where: str, first_row: int
) -> dict[str, np.ndarray]:
    """Returns columns of a block as a model encodes them: texts, numbers and seconds.

    Args:
        block: Some rows of a table.
        schema: What the columns are.
        names: Which to return.
        where: What the rows are of, for messages.
        first_row: The number of the first one.

    Raises:
        DataError: A value is not of its column's kind, or a number or a key is missing.
    """
    columns = {}
    for name in names:
        values, problems = _converted(block[name], schema[name])
        is_key = name in (schema.query_key, schema.candidate_key)
        if schema[name].kind != "numeric" and not is_key:
            values = pc.fill_null(values, "")
        missing = values.is_null()
        if is_key:
            missing = pc.or_(missing, pc.fill_null(pc.equal(values, ""), True))
        found = {**problems, "is missing": missing.to_numpy(zero_copy_only=False)}
        for reason, mask in found.items():
            if mask.any():
                row = int(np.argmax(mask))
                raise DataError(
                    f'"{name}" {reason} in row {first_row + row} of {where}: '
                    f"{plain_value(block[name][row])!r}.",
                    "A value of the column's kind in every row.",
                    "Correct the row, or leave it out.",
                )
        columns[name] = values.to_numpy(zero_copy_only=False)
    return columns


def _converted(column: pa.ChunkedArray, described: Column) -> column_values.Converted:
    if described.role == "timestamp":
        return column_values.timestamps(column, SECONDS, time.time())
    if described.kind == "numeric":
        return column_values.numbers(column)
    if described.kind == "multi_categorical":
        return column_values.multi_categories(column)
    return column_values.categories(column)
