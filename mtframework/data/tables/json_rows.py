"""Rows of a JSON lines file: an object a line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json

from mtframework.data.tables.file_rows import FileRows, check_names
from mtframework.data.tables.text_lines import Lines
from mtframework.errors import DataError

_BLOCK_BYTES = 1 << 24


def read_json_lines(path: Path, names: Sequence[str]) -> FileRows:
    """Returns the columns `names` of a JSON lines file, of whichever types the values have.

    A key that a row lacks is a missing value; a key that no row has is an error.

    Raises:
        DataError: The file cannot be read, is empty, or no row has one of the keys.
    """
    return parse_json_lines(path, Lines.read(path), names)


def parse_json_lines(path: Path, lines: Lines, names: Sequence[str] | None) -> FileRows:
    """Returns the columns `names`, None for all, of lines that were read from `path`."""
    if not len(lines):
        raise DataError(f"{path} is empty.", "One JSON object on each line.", "Check the file.")
    if lines.numbers[0] == 1 and lines[0].lstrip().startswith(b"["):
        raise DataError(
            f"{path} holds one JSON array.",
            "JSON lines: one object on each line, without brackets or commas around them.",
            "Convert it, for example by jq -c '.[]' FILE > rows.jsonl.",
        )
    table, bad = _parse(lines), []
    if table is None:
        table, reasons = _parse_one_by_one(lines)
        lines, bad = lines.without(reasons)
    names = table.column_names if names is None else names
    if len(lines):
        check_names(path, names, table.column_names)
        table = table.select(list(names))
    else:
        table = pa.table({name: pa.nulls(0) for name in names})
    return FileRows(path, table, lines.numbers, "line", lines.text, bad)


def _parse(lines: Lines) -> pa.Table | None:
    """Returns all lines, None where one is damaged or a key changes its type."""
    longest = int((lines.ends - lines.starts).max())
    options = pyarrow.json.ReadOptions(block_size=max(_BLOCK_BYTES, longest + 2))
    text = lines.joined()
    try:
        table = pyarrow.json.read_json(pa.BufferReader(text), options)
        texts = [field.with_type(kind) for field in table.schema if (kind := _text_of(field.type))]
        if texts:  # what looks like a time to Arrow may be an id, and is as it stands there
            parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema(texts))
            again = pyarrow.json.read_json(pa.BufferReader(text), options, parse)
            table = again.select(table.column_names)
        table.validate(full=True)
    except pa.ArrowException:
        return None
    has_objects_alone = table.num_rows == len(lines) and len(set(table.column_names)) == len(
        table.column_names
    )
    return table if has_objects_alone else None


def _text_of(kind: pa.DataType) -> pa.DataType | None:
    """Returns the type of the texts that Arrow took for times; None of any other type."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind) and pa.types.is_timestamp(kind.value_type):
        return pa.list_(pa.string())
    return None


def _parse_one_by_one(lines: Lines) -> tuple[pa.Table, dict[int, str]]:
    rows: list[dict[str, Any]] = []
    reasons: dict[int, str] = {}
    for line in range(len(lines)):
        try:
            row = json.loads(lines[line].decode("utf-8"))
        except UnicodeDecodeError:
            reasons[line] = "broken UTF-8"
            continue
        except (ValueError, RecursionError):
            reasons[line] = "no JSON"
            continue
        if isinstance(row, dict):
            rows.append(row)
        else:
            reasons[line] = "not a JSON object"
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names}), reasons


def _column(values: list[Any]) -> pa.Array:
    """Returns values of any types: lists where all are, otherwise their texts."""
    present = [each for each in values if each is not None]
    if present and all(isinstance(each, list) for each in present):
        return pa.array(
            [None if each is None else [_text(part) for part in each] for each in values],
            pa.list_(pa.large_string()),
        )
    return pa.array([_text(each) for each in values], pa.large_string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        text = value
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        text = str(int(value))
    else:
        text = json.dumps(value)
    # A lone surrogate, which JSON can escape, is not valid UTF-8.
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")
