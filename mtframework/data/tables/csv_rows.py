"""Rows of a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from mtframework.data.tables.file_rows import FileRows, check_names, unreadable
from mtframework.data.tables.quoted_rows import QuotedRows
from mtframework.data.tables.text_lines import Lines
from mtframework.errors import DataError

_SEPARATORS = ",\t;|"
_BLOCK_BYTES = 1 << 22


def read_csv(path: Path, names: Sequence[str]) -> FileRows:
    """Returns the columns `names` of a CSV file, as bytes, nothing converted.

    The first line names the columns; the separator is the one of `, ; |` and the tabulator that
    stands in it most often. A quoted value may hold separators and line breaks; see `QuotedRows`.

    Raises:
        DataError: The file cannot be read, or lacks a column.
    """
    return parse_csv(path, Lines.read(path), names)


def parse_csv(path: Path, lines: Lines, names: Sequence[str]) -> FileRows:
    """Returns the columns `names` of lines that were read from `path`, the first one included."""
    header, separator = read_header(path, lines)
    check_names(path, names, header)
    body = lines.where(np.arange(len(lines)) > 0)
    rows, _ = parse_rows(path, body, lines[0], header, separator, names)
    return rows


def parse_rows(
    path: Path,
    body: Lines,
    first: bytes,
    header: list[str],
    separator: str,
    names: Sequence[str],
    is_last: bool = True,
) -> tuple[FileRows, Lines]:
    """Returns the columns `names` of lines below a header, and lines whose end is yet to be read.

    Args:
        path: The file.
        body: The lines.
        first: The file's first line, as it stands there.
        header: The names in it, by `read_header`.
        separator: What stands between them.
        names: The columns to return.
        is_last: Whether the file ends with these lines.
    """
    quoted = QuotedRows(separator, len(header))
    body, bad, rest = quoted.join(body, is_last)
    reasons: dict[int, str] = {}
    for lines_at_fault, reason in (
        (body.broken(), "broken UTF-8"),
        (np.flatnonzero(body.count(b"\r")).tolist(), "a line break within the row"),
        (body.equal_to(first), "the header again, as in concatenated files"),
    ):
        reasons.update(dict.fromkeys(lines_at_fault, reason))
    body, rows = body.without(reasons)
    bad += rows
    table, wrong_counts = _parse(path, body, header, separator, names)
    if table.num_rows + len(wrong_counts) != len(body):
        # An unclosed quote hides in an even number of them: look at every line that has one.
        suspects = np.flatnonzero(body.count(b'"')).tolist()
        unclosed = [line for line in suspects if not quoted.is_closed(body[line])]
        body, rows = body.without(dict.fromkeys(unclosed, "an unclosed quote"))
        bad += rows
        table, wrong_counts = _parse(path, body, header, separator, names)
        if table.num_rows + len(wrong_counts) != len(body):
            raise unreadable(path, "its quotes do not show where the row ends")
    parsed, rows = body.without(wrong_counts)
    return FileRows(path, table, parsed.numbers, "line", parsed.text, bad + rows), rest


def read_header(path: Path, lines: Lines) -> tuple[list[str], str]:
    """Returns the names in the first line, and the separator."""
    if not len(lines):
        raise DataError(
            f"{path} is empty.", "A first line with the names of the columns.", "Check the file."
        )
    try:
        text = lines[0].decode("utf-8")
        separator = max(_SEPARATORS, key=text.count)
        (header,) = csv.reader([text], delimiter=separator, strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise unreadable(
            path, f"its first line is not a list of names in UTF-8, {error}"
        ) from error
    return [name.strip() for name in header], separator


def _parse(
    path: Path, lines: Lines, header: list[str], separator: str, names: Sequence[str]
) -> tuple[pa.Table, dict[int, str]]:
    # Columns are known by position, since the file may have a name that nobody asked for twice.
    positions = {name: str(header.index(name)) for name in names}
    if not len(lines):
        return pa.table({name: pa.array([], pa.large_binary()) for name in names}), {}
    wrong_counts: dict[int, str] = {}

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} columns instead of {row.expected_columns}"
        wrong_counts[row.number - 1] = reason
        return "skip"

    longest = int((lines.ends - lines.starts).max())
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(lines.joined()),
            pyarrow.csv.ReadOptions(
                column_names=[str(position) for position in range(len(header))],
                block_size=max(_BLOCK_BYTES, longest + 2),
                use_threads=False,  # rows have no numbers otherwise
            ),
            pyarrow.csv.ParseOptions(
                delimiter=separator,
                ignore_empty_lines=False,
                newlines_in_values=lines.count(b"\n").any(),
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(positions.values(), pa.large_binary()),
                include_columns=list(positions.values()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        raise unreadable(path, error) from error
    return table.rename_columns(list(positions)), wrong_counts
