"""The rows of a table, checked, from all of its files."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.tables import column_values
from mtframework.data.tables.column_values import one_array
from mtframework.data.tables.csv_rows import read_csv
from mtframework.data.tables.file_rows import BadRow, FileRows
from mtframework.data.tables.json_rows import read_json_lines
from mtframework.data.tables.parquet_rows import read_parquet
from mtframework.data.tables.rejects import Rejects
from mtframework.data.tables.table_columns import EVENT, MILLISECONDS, SECONDS, vector_size
from mtframework.data.tables.table_files import CSV, JSON_LINES, PARQUET, format_of
from mtframework.errors import DataError
from mtframework.schema.texts import text_array

_READERS = {CSV: read_csv, JSON_LINES: read_json_lines, PARQUET: read_parquet}


@dataclass(frozen=True)
class TableFile:
    """One file of a table.

    Args:
        path: Where it is.
        constants: Columns that the file does not have, and the one value of each; None where its
            rows have none.
    """

    path: Path
    constants: Mapping[str, str | None]


@dataclass(frozen=True)
class Allowed:
    """The only values that a column may have.

    Args:
        values: The values, as strings.
        reason: What to say of others.
    """

    values: pa.Array
    reason: str


def read_table(
    files: Sequence[TableFile],
    meanings: Mapping[str, str],
    rejects: Rejects,
    allowed: Mapping[str, Allowed] | None = None,
    unique: Sequence[str] | None = None,
    keep_repeats: bool = False,
) -> pa.Table:
    """Returns the good rows of all files; the others go to `rejects`.

    Args:
        files: The files, in the order of the rows.
        meanings: What each column is, one of `table_columns.MEANINGS`.
        rejects: Counts the rows, and takes the bad ones.
        allowed: Where a column may have only certain values.
        unique: The columns by which a row may appear once; left out, all.
        keep_repeats: Whether equal rows are all good.

    Returns:
        Strings (large_string), numbers (float64, null where a label is missing) and timestamps
        (int64 seconds).

    Raises:
        DataError: A file cannot be read, or lacks a column.
    """
    now = time.time()
    parts, sources, places = [], [], []
    for number, file in enumerate(files):
        asked = [name for name in meanings if name not in file.constants]
        rows = _READERS[format_of(file.path)](file.path, asked)
        table, kept = good_rows(rows, file.constants, meanings, now, allowed or {}, rejects)
        parts.append(table)
        sources.append((rows, np.full(len(kept), number)))
        places.append(kept)
    table = pa.concat_tables(parts)
    if keep_repeats:
        return table
    first = first_of_each(table, unique or table.column_names)
    again = np.flatnonzero(~first)
    if len(again):
        what = f'"{unique[0]}" appears twice' if unique else "a row appears twice"
        owner = np.concatenate([each for _, each in sources])
        place = np.concatenate(places)
        for row in again.tolist():
            _add(rejects, sources[owner[row]][0], int(place[row]), what)
    return table.filter(pa.array(first))


def good_rows(
    rows: FileRows,
    constants: Mapping[str, str | None],
    meanings: Mapping[str, str],
    now: float,
    allowed: Mapping[str, Allowed],
    rejects: Rejects | None,
) -> tuple[pa.Table, np.ndarray]:
    """Returns the values of the rows that are good by themselves, and their places in `rows`.

    Args:
        rows: What was read of a file.
        constants: Columns that the file does not have, as in `TableFile`.
        meanings: What each column is, one of `table_columns.MEANINGS`.
        now: The seconds since 1970 after which, and a day, a timestamp is in the future.
        allowed: Where a column may have only certain values.
        rejects: Counts the rows, and takes the bad ones; None where that was done before.
    """
    table, problems = _convert(rows.table, constants, meanings, now)
    for name, each in allowed.items():
        unknown = ~pc.is_in(table[name], each.values).to_numpy()
        problems.append((f'"{name}" {each.reason}', unknown))
    good = np.ones(table.num_rows, bool)
    if rejects is not None:
        rejects.add_file(rows)
        for name, meaning in meanings.items():
            if _is_key(meaning) and name in rows.table.column_names:
                rejects.num_normalized[name] += _num_changed(rows.table[name], table[name])
    for reason, mask in problems:
        if rejects is not None:
            for row in np.flatnonzero(mask & good).tolist():
                _add(rejects, rows, row, reason)
        good &= ~mask
    kept = np.flatnonzero(good)
    return (table if len(kept) == table.num_rows else table.take(kept)), kept


def _num_changed(written: pa.ChunkedArray, read: pa.ChunkedArray) -> int:
    """Returns how many ids are not read as they were written; of numbers, none."""
    if not (pa.types.is_large_binary(written.type) or pa.types.is_large_string(written.type)):
        return 0
    return pc.sum(pc.not_equal(written, read.cast(written.type))).as_py() or 0


def first_of_each(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    """Returns which rows are the first with their values in the columns `names`: [num_rows]."""
    codes = codes_of(table, names)
    in_order = np.sort(codes)  # far faster than an argsort, which most tables do not need
    if not (in_order[1:] == in_order[:-1]).any():
        return np.ones(table.num_rows, bool)
    _, first = np.unique(codes, return_index=True)
    is_first = np.zeros(table.num_rows, bool)
    is_first[first] = True
    return is_first


def codes_of(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    """Returns one int64 a row that is the same where all columns are: [num_rows]."""
    codes = np.zeros(table.num_rows, "int64")
    if not table.num_rows:
        return codes
    num_codes = 1
    for name in names:
        own = _codes_of_column(one_array(table[name]))
        num_own = int(own.max()) + 1
        if num_codes > 2**62 // num_own:
            _, codes = np.unique(codes, return_inverse=True)
            num_codes = int(codes.max()) + 1
        codes = codes * num_own + own
        num_codes *= num_own
    return codes


def _codes_of_column(array: pa.Array) -> np.ndarray:
    if pa.types.is_fixed_size_list(array.type):  # vectors, as so many bytes each
        numbers = column_values.vectors_of(array)
        kind = pa.binary(numbers.dtype.itemsize * numbers.shape[1])
        array = pa.FixedSizeBinaryArray.from_buffers(
            kind, len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))]
        )
    if pa.types.is_int64(array.type) and not array.null_count:
        values = array.to_numpy()
        if int(values.max()) - int(values.min()) < 2**40:
            return values - values.min()  # timestamps, most of which differ
    return array.dictionary_encode(null_encoding="encode").indices.to_numpy()


def as_columns(table: pa.Table) -> dict[str, np.ndarray]:
    """Returns the columns as a data set holds them: str, float64 and int64."""
    columns = {}
    for name in table.column_names:
        array = one_array(table[name])
        if pa.types.is_fixed_size_list(array.type):
            columns[name] = column_values.vectors_of(array)
        elif pa.types.is_large_string(array.type):
            # Few values repeat often: each becomes a Python string once.
            coded = array.dictionary_encode()
            columns[name] = text_array(coded.dictionary.to_pylist(), coded.indices.to_numpy())
        else:
            columns[name] = array.to_numpy(zero_copy_only=False)
    return columns


def _convert(
    table: pa.Table,
    constants: Mapping[str, str | None],
    meanings: Mapping[str, str],
    now: float,
) -> tuple[pa.Table, list[tuple[str, np.ndarray]]]:
    """Returns the values, and which rows are bad, and why."""
    columns: dict[str, Any] = {}
    problems: list[tuple[str, np.ndarray]] = []
    for name, meaning in meanings.items():
        if name in constants:
            kind = pa.large_string() if meaning == EVENT else pa.float64()
            columns[name] = pa.repeat(pa.scalar(constants[name], kind), table.num_rows)
            continue
        values, found = _values(name, table[name], meaning, now)
        columns[name] = values
        problems += [(f'"{name}" {reason}', mask) for reason, mask in found.items()]
        if _is_key(meaning):
            problems.append((f'"{name}" is missing', _mask(pc.equal(values, ""), True)))
        elif meaning == "weight" or meaning.startswith("numeric"):
            problems.append((f'"{name}" is missing', _mask(values.is_null(), True)))
        if meaning == "weight":
            problems.append((f'"{name}" is negative', _mask(pc.less(values, 0), False)))
    return pa.table(columns), problems


def _values(
    name: str, column: pa.ChunkedArray, meaning: str, now: float
) -> column_values.Converted:
    several = meaning.startswith("multi_categorical")
    if size := vector_size(meaning):
        return column_values.vectors(column, size)
    if pa.types.is_nested(column.type) and not several:
        raise DataError(
            f'The column "{name}" holds several values a row ({column.type}), and is declared as '
            f'"{meaning}".',
            "One value for each row; several categories in a row are multi_categorical.",
            'Declare vectors of 64 numbers "vector[64] candidate", or leave the column out.',
        )
    if meaning in (SECONDS, MILLISECONDS):
        return column_values.timestamps(column, meaning, now)
    if meaning in ("label", "weight") or meaning.startswith("numeric"):
        return column_values.numbers(column)
    convert = column_values.multi_categories if several else column_values.categories
    values, problems = convert(column)
    return (values if _is_key(meaning) else pc.fill_null(values, "")), problems


def _mask(mask: pa.Array, where_missing: bool) -> np.ndarray:
    return pc.fill_null(mask, where_missing).to_numpy(zero_copy_only=False)


def _is_key(meaning: str) -> bool:
    return meaning in ("query key", "candidate key", EVENT)


def _add(rejects: Rejects, rows: FileRows, row: int, reason: str) -> None:
    rejects.add(rows.path, rows.numbered, BadRow(int(rows.numbers[row]), reason, rows.raw(row)))
