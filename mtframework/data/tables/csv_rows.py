"""Rows of a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from mtframework.data.tables.file_rows import FileRows, check_names, unreadable
from mtframework.data.tables.text_lines import Lines
from mtframework.errors import DataError

_SEPARATORS = ",\t;|"
_BLOCK_BYTES = 1 << 22


def read_csv(path: Path, names: Sequence[str]) -> FileRows:
    """Returns the columns `names` of a CSV file, as bytes, nothing converted.

    The first line names the columns; the separator is the one of `, ; |` and the tabulator that
    stands in it most often. A row is a line: a quoted value may hold separators and no line break.

    Raises:
        DataError: The file cannot be read, or lacks a column.
    """
    return parse_csv(path, Lines.read(path), names)


def parse_csv(path: Path, lines: Lines, names: Sequence[str]) -> FileRows:
    """Returns the columns `names` of lines that were read from `path`, the first one included."""
    header, separator = read_header(path, lines)
    check_names(path, names, header)
    body = lines.where(np.arange(len(lines)) > 0)
    return parse_rows(path, body, lines[0], header, separator, names)


def parse_rows(
    path: Path,
    body: Lines,
    first: bytes,
    header: list[str],
    separator: str,
    names: Sequence[str],
) -> FileRows:
    """Returns the columns `names` of lines below a header.

    Args:
        path: The file.
        body: The lines.
        first: The file's first line, as it stands there.
        header: The names in it, by `read_header`.
        separator: What stands between them.
        names: The columns to return.
    """
    reasons: dict[int, str] = {}
    for lines_at_fault, reason in (
        (body.broken(), "broken UTF-8"),
        (np.flatnonzero(body.count(b"\r")).tolist(), "a line break within the row"),
        (body.equal_to(first), "the header once more, as of files put together"),
    ):
        reasons.update(dict.fromkeys(lines_at_fault, reason))
    body, bad = body.without(reasons)
    # An odd number of quotes is an unclosed one, or a stray one that is read as it stands.
    suspects = np.flatnonzero(body.count(b'"') % 2)
    for _ in range(2):
        body, rows = body.without(_unclosed(body, suspects, separator))
        bad += rows
        table, wrong_counts = _parse(path, body, header, separator, names)
        if table.num_rows + len(wrong_counts) == len(body):
            break
        # An unclosed quote hides in an even number of them: look at every line that has one.
        suspects = np.flatnonzero(body.count(b'"'))
    else:
        raise unreadable(path, "its quotes do not tell where a row ends")
    parsed, rows = body.without(wrong_counts)
    return FileRows(path, table, parsed.numbers, "line", parsed.text, bad + rows)


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
        raise unreadable(path, f"its first line is no list of names in UTF-8, {error}") from error
    return [name.strip() for name in header], separator


def _unclosed(lines: Lines, suspects: np.ndarray, separator: str) -> dict[int, str]:
    return {
        line: "an unclosed quote"
        for line in suspects.tolist()
        if not _is_closed(lines[line].decode("latin-1"), separator)
    }


def _is_closed(text: str, separator: str) -> bool:
    try:
        return len(list(csv.reader([text], delimiter=separator, strict=True))) == 1
    except csv.Error:
        return False


def _parse(
    path: Path, lines: Lines, header: list[str], separator: str, names: Sequence[str]
) -> tuple[pa.Table, dict[int, str]]:
    # Columns are known by position, since the file may have a name that nobody asked for twice.
    positions = {name: str(header.index(name)) for name in names}
    if not len(lines):
        return pa.table({name: pa.array([], pa.large_binary()) for name in names}), {}
    wrong_counts: dict[int, str] = {}

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} columns in place of {row.expected_columns}"
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
                delimiter=separator, ignore_empty_lines=False, invalid_row_handler=skip
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
