"""The rows of Parquet files, block by block, as often as they are asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from mtframework.data.tables.file_rows import FileRows, check_names, unreadable
from mtframework.data.tables.parquet_rows import plain_value
from mtframework.data.tables.rejects import Rejects
from mtframework.data.tables.table_files import PARQUET, format_of
from mtframework.data.tables.table_reader import Allowed, good_rows
from mtframework.errors import DataError


@dataclass(frozen=True)
class Block:
    """Some good rows.

    Args:
        table: The rows, as `read_table` returns them.
        numbers: Which rows of all that the stream reads they are, from 0: [num_rows] int64.
        num_read: How many rows were read for them.
    """

    table: pa.Table
    numbers: np.ndarray
    num_read: int


@dataclass(frozen=True)
class _Run:
    """Row groups of one file that are read one after the other.

    Args:
        path: The file.
        metadata: What its footer says.
        groups: Which of its row groups.
        in_file: Which row of the file is the first one, from 0.
        in_stream: Which row of the stream it is.
        num_rows: How many rows they have.
    """

    path: Path
    metadata: pyarrow.parquet.FileMetaData
    groups: list[int]
    in_file: int
    in_stream: int
    num_rows: int


class RowStream:
    """The good rows of Parquet files, of which no more than a few blocks are in memory.

    Every pass reads the files again, and finds the same rows good.

    Args:
        files: The files, in the order of the rows.
        meanings: What each column is, one of `table_columns.MEANINGS`.
        now: The seconds since 1970 after which, and a day, a timestamp is in the future.
        block_rows: At most so many rows at once.
        allowed: Where a column may have only certain values.

    Raises:
        DataError: A file is not a Parquet, cannot be read or lacks a column; also while it is read.
    """

    def __init__(
        self,
        files: Sequence[Path],
        meanings: Mapping[str, str],
        now: float,
        block_rows: int,
        allowed: Mapping[str, Allowed] | None = None,
    ):
        self.files = tuple(files)
        self.meanings = dict(meanings)
        self.now = now
        self.allowed = dict(allowed or {})
        self.block_rows = block_rows
        self.num_rows = 0
        self._runs: list[_Run] = []
        for path in self.files:
            self._add_runs(path)

    def blocks(
        self, rejects: Rejects | None = None, order: np.random.Generator | None = None
    ) -> Iterator[Block]:
        """Yields all good rows.

        Args:
            rejects: Counts the rows, and takes the bad ones.
            order: Draws the order of the row groups; left out, they come as they stand.
        """
        runs = self._runs
        if order is not None:
            runs = [runs[run] for run in order.permutation(len(runs))]
        for run in runs:
            done = 0
            for part in self._read(run):
                rows = _file_rows(run.path, part, run.in_file + done)
                table, kept = good_rows(rows, {}, self.meanings, self.now, self.allowed, rejects)
                yield Block(table, run.in_stream + done + kept, part.num_rows)
                done += part.num_rows
            if done != run.num_rows:
                raise unreadable(
                    run.path, f"it holds {done} rows where it says that there are {run.num_rows}"
                )

    def only(self, name: str) -> "RowStream":
        """Returns the stream of one column, whose other columns make no row bad."""
        meanings = {name: self.meanings[name]}
        return RowStream(self.files, meanings, self.now, self.block_rows)

    def _add_runs(self, path: Path) -> None:
        if format_of(path) != PARQUET:
            raise DataError(
                f"{path} is {format_of(path)}, which cannot be streamed.",
                "Parquet, where Tables.in_memory is False.",
                "Write the rows as Parquet, or leave Tables.in_memory out.",
            )
        metadata = _reading(path, lambda: self._checked_metadata(path))
        rows_of = [metadata.row_group(each).num_rows for each in range(metadata.num_row_groups)]
        groups: list[int] = []
        in_file = num_rows = 0
        for group, rows in enumerate(rows_of):
            groups.append(group)
            num_rows += rows
            is_last = group + 1 == len(rows_of)
            if is_last or num_rows + rows_of[group + 1] > self.block_rows:
                run = _Run(path, metadata, groups, in_file, self.num_rows, num_rows)
                self._runs.append(run)
                self.num_rows += num_rows
                in_file += num_rows
                groups, num_rows = [], 0

    def _checked_metadata(self, path: Path) -> pyarrow.parquet.FileMetaData:
        with pyarrow.parquet.ParquetFile(path) as file:
            check_names(path, self.meanings, file.schema_arrow.names)
            return file.metadata

    def _read(self, run: _Run) -> Iterator[pa.Table]:
        """Yields the rows of a run, as the file has them, in blocks."""
        names = list(self.meanings)
        file = _reading(
            run.path,
            lambda: pyarrow.parquet.ParquetFile(
                run.path, metadata=run.metadata, page_checksum_verification=True
            ),
        )
        with file:
            batches = file.iter_batches(self.block_rows, run.groups, names)
            kept: list[pa.RecordBatch] = []
            while (batch := _reading(run.path, lambda: next(batches, None))) is not None:
                if kept and sum(map(len, kept)) + len(batch) > self.block_rows:
                    yield _table(run.path, kept, names)
                    kept = []
                kept.append(batch)
            if kept:
                yield _table(run.path, kept, names)


def _table(path: Path, batches: list[pa.RecordBatch], names: list[str]) -> pa.Table:
    table = pa.Table.from_batches(batches).select(names)
    _reading(path, table.validate)
    return table


def _reading(path: Path, read: Callable):
    try:
        return read()
    except (OSError, pa.ArrowException, MemoryError) as error:
        raise unreadable(path, error) from error


def _file_rows(path: Path, table: pa.Table, first: int) -> FileRows:
    def raw(row: int) -> dict:
        return {name: plain_value(table[name][row]) for name in table.column_names}

    numbers = np.arange(first + 1, first + 1 + table.num_rows)
    return FileRows(path, table, numbers, "row", raw)
