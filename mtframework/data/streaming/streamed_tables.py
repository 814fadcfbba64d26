"""A data set of files that are read block by block."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.dataset import Dataset, print_to_stderr
from mtframework.data.streaming.distinct_values import DistinctValues
from mtframework.data.streaming.row_progress import row_progress
from mtframework.data.streaming.row_stream import Block, RowStream
from mtframework.data.streaming.stream_splits import (
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    LastRows,
    LatestShares,
    RandomShares,
    Since,
    Whole,
    latest_seconds,
    share_of,
)
from mtframework.data.streaming.streamed_rows import StreamedRows
from mtframework.data.tables.column_values import one_array
from mtframework.data.tables.rejects import Rejects
from mtframework.data.tables.table_columns import TableColumns
from mtframework.data.tables.table_files import find_files
from mtframework.data.tables.table_reader import Allowed, as_columns, first_of_each
from mtframework.schema.classes import vocabulary_of
from mtframework.schema.multi_valued import SEPARATOR
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary

BLOCK_ROWS = 1 << 19


_SPLITS = (TRAIN, VALIDATION, TEST)


class Streamable(Protocol):
    """What streaming asks of the data set whose rows it reads, `Tables`."""

    candidates: str | None
    columns: TableColumns
    schema: Schema
    split: str | Mapping[str, str]
    test_fraction: float
    validation_fraction: float
    seed: int
    max_rejected: float
    order: str | None

    @property
    def first_second(self) -> int | None: ...

    def tell_passed_over(self, num_old: int, num_new: int, say: Callable[[str], None]) -> None: ...

    @property
    def name(self) -> str: ...

    @property
    def interaction_columns(self) -> dict[str, str]: ...

    def read_candidates(self, counts: list[Rejects]) -> pa.Table: ...

    def allowed_candidates(self, catalogue: pa.Table | None) -> dict[str, Allowed]: ...

    def tell_rejects(self, counts: Sequence[Rejects], say: Callable[[str], None]) -> None: ...


@dataclass(frozen=True)
class _Source:
    """Rows of one path.

    Args:
        path: As the user named it.
        stream: The rows.
        assignment: Which split a row belongs to.
        splits: Those that there are.
    """

    path: str
    stream: RowStream
    assignment: Assignment
    splits: tuple[str, ...]


def load_streamed(tables: Streamable, progress: Callable[[str], None] | None) -> Dataset:
    """Returns the data set of `Tables` whose rows are not in memory.

    One pass over all rows counts them, rejects the bad ones and learns the vocabularies of the
    training rows; before it, a temporal split counts the timestamps twice.
    """
    say = progress or print_to_stderr
    counts: list[Rejects] = []
    catalogue = tables.read_candidates(counts) if tables.candidates else None
    sources = list(_sources(tables, catalogue))
    learned = _Learned(tables, catalogue)
    num_rows = sum(source.stream.num_rows for source in sources)
    with row_progress("rows", num_rows, progress) as advance:
        for source in sources:
            counts.append(Rejects(source.path))
            _learn(source, learned, counts[-1], tables.max_rejected, advance)
    tables.tell_rejects(counts, say)
    if tables.first_second is not None:
        num_new = sum(learned.num_rows[split] for split in sources[0].splits)
        of_train = counts[-len(sources)]
        num_old = of_train.num_read - of_train.num_rejected - num_new
        tables.tell_passed_over(num_old, num_new, say)
    columns = as_columns(learned.catalogue())
    splits = {
        split: StreamedRows(
            source.stream,
            split,
            source.assignment,
            learned.num_rows[split],
            tables.columns.timestamp,
            columns,
            learned.widths,
            tables.schema,
        )
        for source in sources
        for split in source.splits
    }
    return Dataset(
        schema=tables.schema,
        train=splits[TRAIN],
        validation=splits[VALIDATION],
        test=splits[TEST],
        catalogue=columns,
        vocabularies=learned.vocabularies(columns),
        name=tables.name,
        is_continued=tables.first_second is not None,
    )


def _sources(tables: Streamable, catalogue: pa.Table | None) -> Iterator[_Source]:
    now = time.time()
    own = tables.split if isinstance(tables.split, Mapping) else {}
    for split, path in {TRAIN: tables.name, **own}.items():
        stream = RowStream(
            find_files(path),
            tables.interaction_columns,
            now,
            BLOCK_ROWS,
            tables.allowed_candidates(catalogue),
        )
        if split in own:
            yield _Source(path, stream, Whole(split), (split,))
        else:
            left = tuple(each for each in _SPLITS if each not in own)
            yield _Source(path, stream, _assignment(tables, stream, own), left)


def _learn(
    source: _Source,
    learned: "_Learned",
    rejects: Rejects,
    max_rejected: float,
    advance: Callable[[int], None],
) -> None:
    for block in source.stream.blocks(rejects):
        learned.add(block, source.assignment, source.splits)
        advance(block.num_read)
        if rejects.num_rejected > max_rejected * source.stream.num_rows:
            return  # there are too many, whatever else comes, and each is kept in memory


def _assignment(tables: Streamable, stream: RowStream, own: Mapping[str, str]) -> Assignment:
    test = 0.0 if own else tables.test_fraction
    validation = 0.0 if VALIDATION in own else tables.validation_fraction
    since = tables.first_second
    by_place = tables.order is not None and bool(own)  # and so the validation
    if tables.split != "temporal" and not by_place:
        drawn = RandomShares(test, validation, tables.seed)
        return drawn if since is None else Since(since, drawn)
    if tables.order is not None:  # by place; of rows that are rejected, too
        num_rows = stream.num_rows
        shares = (test, test + (1 - test) * validation)
        return LastRows(*(num_rows - share_of(num_rows, each) for each in shares))
    name = tables.columns.timestamp
    assert name is not None
    only = stream.only(name)

    def times() -> Iterator[np.ndarray]:
        of_blocks = (block.table[name].to_numpy() for block in only.blocks())
        return (each if since is None else each[each >= since] for each in of_blocks)

    latest = LatestShares(*latest_seconds(times, (test, test + (1 - test) * validation)))
    return latest if since is None else Since(since, latest)


class _Learned:
    """What the first pass learns."""

    def __init__(self, tables: Streamable, catalogue: pa.Table | None):
        self.columns, self.schema = tables.columns, tables.schema
        self.num_rows: dict[str, int] = dict.fromkeys(_SPLITS, 0)
        in_files = tables.interaction_columns
        self.values = {
            column.name: DistinctValues()
            for column in tables.schema
            if column.has_ids and column.name in in_files
        }
        self.widths = {
            column.name: 1 for column in tables.schema if column.kind == "multi_categorical"
        }
        self.given = catalogue
        self.candidates: list[pa.Table] = []
        self.known_candidates = DistinctValues()

    def add(self, block: Block, assignment: Assignment, splits: Sequence[str]) -> None:
        table, when = block.table, self.columns.timestamp
        times = None if when is None else table[when].to_numpy()
        for split in splits:
            inside = assignment(split, block.numbers, times)
            self.num_rows[split] += int(inside.sum())
            if split == TRAIN:
                rows = table if inside.all() else table.filter(pa.array(inside))
                for name, distinct in self.values.items():
                    distinct.add(rows[name])
        for name in self.widths.keys() & self.values.keys():
            separators = pc.max(pc.count_substring(table[name], SEPARATOR)).as_py()
            self.widths[name] = max(self.widths[name], 1 + (separators or 0))
        if self.given is None and len(self.columns.candidate_columns) > 1:
            self._keep_latest(table)
        elif self.given is None:
            key = self.columns.candidate_key
            new = table.select(list(self.columns.candidate_columns))
            new = new.filter(self.known_candidates.lacks(new[key]))
            new = new.filter(pa.array(first_of_each(new, [key])))
            self.known_candidates.add(new[key])
            self.candidates.append(new)

    def _keep_latest(self, table: pa.Table) -> None:
        """Keeps each candidate as its latest row describes it, in the order of the first ones."""
        key, when = self.columns.candidate_key, self.columns.timestamp
        names = [*self.columns.candidate_columns, *([when] if when else [])]
        table = pa.concat_tables([*self.candidates, table.select(names)])
        first = table[key].filter(pa.array(first_of_each(table, [key])))
        order = np.arange(table.num_rows)
        if when:
            order = np.argsort(table[when].to_numpy(), kind="stable")
        latest = table.take(order[::-1])
        latest = latest.filter(pa.array(first_of_each(latest, [key])))
        self.candidates = [latest.take(pc.index_in(first, one_array(latest[key])))]

    def catalogue(self) -> pa.Table:
        if self.given is not None:
            return self.given
        names = list(self.columns.candidate_columns)
        return pa.concat_tables([each.select(names) for each in self.candidates])

    def vocabularies(self, catalogue: Mapping[str, np.ndarray]) -> dict[str, Vocabulary]:
        found = {}
        for column in self.schema:
            if not column.has_ids:
                continue
            parts = [catalogue[column.name]] if column.name in catalogue else []
            if column.name in self.values:
                parts.append(self.values[column.name].sorted())
            found[column.name] = vocabulary_of(column, parts)
        return found
