"""A table file that a reader never sees a part of."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from mtframework.data.tables.column_values import multi_categories
from mtframework.data.tables.table_files import COMPRESSIONS, CSV, JSON_LINES, format_of
from mtframework.errors import DataError
from mtframework.files import written_whole


class TableWriter:
    """Writes blocks of rows to a CSV, JSON lines or Parquet file, by its ending.

    The rows go to a temporary file, which gets its name when all of them are there; where an error
    or Ctrl-C comes between, nothing is left and what was there before is still there. A list in a
    CSV file is a text with `|` between its values.

    Use it as a context.

    Args:
        path: The file.
        for_spreadsheet: Whether a text of a CSV file that a spreadsheet would run as a formula,
            such as `=1+1` or `@sum`, gets an apostrophe in front, which makes it a text.

    Raises:
        DataError: The file's ending says of no known format, or of none that a spreadsheet opens,
            or it cannot be written.
    """

    def __init__(self, path: Path, for_spreadsheet: bool = False):
        self.path = path
        self._for_spreadsheet = for_spreadsheet
        self._format = format_of(path)
        if for_spreadsheet and self._format != CSV:
            raise DataError(
                f"{path} is meant for a spreadsheet, but is not a CSV file.",
                "A name that ends in .csv.",
                "Name another file, or leave --for-spreadsheet out.",
            )
        self._whole = written_whole(path)
        self._stream: Any = None
        self._writer: Any = None

    def __enter__(self) -> "TableWriter":
        try:
            compression = COMPRESSIONS.get(self.path.suffix.lower())
            self._stream = pa.output_stream(str(self._whole.__enter__()), compression=compression)
        except OSError as error:
            self._whole.__exit__(OSError, error, error.__traceback__)
            raise self._unwritable(error) from error
        return self

    def write(self, block: pa.Table) -> None:
        """Writes some rows; every block has the columns of the first one."""
        try:
            if self._format == JSON_LINES:
                for row in block.to_pylist():
                    text = json.dumps(row, ensure_ascii=False, default=str)
                    self._stream.write(text.encode() + b"\n")
                return
            if self._format == CSV:
                block = _without_lists(block)
            if self._for_spreadsheet:
                block = _without_formulas(block)
            if self._writer is None:
                csv = self._format == CSV
                kind = pa.csv.CSVWriter if csv else pa.parquet.ParquetWriter
                self._writer = kind(self._stream, block.schema)
            self._writer.write_table(block)
        except (OSError, pa.ArrowException) as error:
            raise self._unwritable(error) from error

    def __exit__(self, kind, error, traceback) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
            self._stream.close()
        except OSError as failed:
            self._discard(failed)
            if kind is None:  # otherwise what came first is what is told
                raise self._unwritable(failed) from failed
            return
        if kind is not None:
            self._discard(error)
            return
        try:
            self._whole.__exit__(None, None, None)
        except OSError as failed:
            raise self._unwritable(failed) from failed

    def _discard(self, error: BaseException) -> None:
        with contextlib.suppress(type(error)):
            self._whole.__exit__(type(error), error, error.__traceback__)

    def _unwritable(self, error: Exception) -> DataError:
        return DataError(
            f"{self.path} cannot be written: {error}.",
            "A file in a folder that exists and can be written.",
            "Name another file for --output.",
        )


def _without_lists(block: pa.Table) -> pa.Table:
    for position, field in enumerate(block.schema):
        if pa.types.is_nested(field.type):
            texts, _ = multi_categories(block[field.name])
            block = block.set_column(position, field.name, texts)
    return block


def _without_formulas(block: pa.Table) -> pa.Table:
    """Returns the rows with an apostrophe before each text that a spreadsheet would run."""
    names = [_harmless(pa.array([name]))[0].as_py() for name in block.column_names]
    columns = [
        _harmless(column)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        else column
        for column in block.columns
    ]
    return pa.table(columns, names=names)


def _harmless(texts: Any) -> Any:
    texts = texts.cast(pa.large_string())
    is_number = pc.match_substring_regex(texts, r"^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$")
    is_formula = pc.and_not(pc.match_substring_regex(texts, r"^[=+\-@\t\r]"), is_number)
    quote, nothing = (pa.scalar(each, pa.large_string()) for each in ("'", ""))
    return pc.if_else(is_formula, pc.binary_join_element_wise(quote, texts, nothing), texts)
