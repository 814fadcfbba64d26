"""A data set from the user's own files: CSV, JSON lines or Parquet."""

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.dataset import LAST_RUN, Dataset, DatasetSource, print_to_stderr
from mtframework.data.splits import SPLITS, check_held_out_share, hold_out
from mtframework.data.streaming.streamed_tables import load_streamed
from mtframework.data.tables.column_values import one_array, other_separator, timestamps
from mtframework.data.tables.counted_repeats import REPEATS, count_repeats
from mtframework.data.tables.merged_events import chosen_events, merge_events, told_of_kinds
from mtframework.data.tables.rejects import Rejects, write_rejects
from mtframework.data.tables.table_columns import EVENT, SECONDS, TableColumns
from mtframework.data.tables.table_files import find_files
from mtframework.data.tables.table_reader import (
    Allowed,
    TableFile,
    as_columns,
    first_of_each,
    read_table,
)
from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.registry import register_dataset
from mtframework.schema.schema import Column

TEST_FRACTION = 0.2
_KIND_OF_FILE = "(kind of the file)"


@register_dataset("tables")
class Tables(DatasetSource):
    """Interactions and candidates from CSV, JSON lines or Parquet.

    A path is a file, a folder or a pattern such as `logs/*.parquet`; relative ones start at the
    working directory. Text files may be compressed (`.csv.gz`).

    Rows that are no good are left out, counted by reason and written to a file: numbers that are
    none, wrong column counts, broken UTF-8, missing keys, timestamps before 1970 or in the future,
    exact duplicates, candidates that are not listed.

    Args:
        interactions: The path of the rows to learn from; or `{kind: path}`, where each kind of
            feedback has files of its own.
        columns: What each column is: `"query key"`, `"candidate key"`, `"label"`,
            `"categorical label"`, `"weight"`,
            `"timestamp"` (seconds since 1970, dates or ISO 8601), `"timestamp in milliseconds"`,
            `"event"`, or a kind and whom it describes, such as `"numeric query"`,
            `"categorical candidate"`, `"vector[64] candidate"` or `"categorical context"`.
            Others are not read.
        candidates: The path of the catalogue, one row a candidate, with all columns that describe
            candidates; left out, the catalogue is the distinct candidates of the interactions.
        events: The kinds of feedback to learn from, of those that the event column names, or all
            that have files: a list or `{kind: column of its values}`, None for kinds without a
            value. Rows of other kinds are passed over, and counted. Each kind becomes a label: 0 or
            1, or its value. All events of one query and candidate then become one row.
        split: Which rows are held out to test on: `"random"`, `"temporal"` (the latest),
            `"leave_last_out"` (each query's last), or the user's own files,
            `{"test": path, "validation": path}`.
        test_fraction: The share of rows to test on, for `"leave_last_out"` of queries; left out,
            0.2 of the rows, or every query.
        validation_fraction: The share of the remaining rows, or queries, to choose
            hyper-parameters on, held out as the test rows were (own files: at random, or the last
            ones where there is an `order`).
        seed: The seed of whatever is drawn.
        repeats: What a row that stands again is: `"reject"` (a mistake of the file), `"keep"` (an
            event like the first, such as a song played again), or `"count"`: equal rows become one,
            with their number in the column `repeats`, a weight that a task's `sample_weight` may
            name.
        max_rejected: The share of rows that may be rejected before the load stops.
        rejects: The file that rejected rows are written to, as JSON lines.
        in_memory: Whether all rows are held in memory. False reads interactions, which must then be
            Parquet, block by block each time that they are needed: memory does not grow with them.
            Events and `"leave_last_out"` need all rows at once, and so does finding duplicates,
            which are then kept.
        since: From when on interactions are learned from and held out: a date, a time in ISO 8601
            or seconds since 1970; of merged events, pairs whose latest one is of then. `"last_run"`
            is what came after the training rows of the model that training starts from, and
            everything where it starts from none. The catalogue is that of all rows. Files of
            `split` are read whole.
        order: `"file"` for a log whose rows stand in the order of time, earliest first, and have no
            timestamp (several files in the order of their names): then the latest rows, each
            query's last one and what a row knows of its query follow from the rows' places.

    Raises:
        DataError: An argument is wrong; see also `load`.

    Example:

    >>> tables = Tables(
    ...     "ratings.csv",
    ...     {"user": "query key", "film": "candidate key", "stars": "label", "at": "timestamp"},
    ...     split="temporal",
    ... )
    >>> tables.schema.candidate_key
    'film'
    """

    def __init__(
        self,
        interactions: str | Mapping[str, str] | None = None,
        columns: Mapping[str, str] | None = None,
        candidates: str | None = None,
        events: Sequence[str] | Mapping[str, str | None] | None = None,
        split: str | Mapping[str, str] = "random",
        test_fraction: float | None = None,
        validation_fraction: float = 0.0,
        seed: int = 0,
        repeats: Literal["reject", "keep", "count"] = "reject",
        max_rejected: float = 0.01,
        rejects: str = "rejects.jsonl",
        in_memory: bool = True,
        since: str | float | None = None,
        order: Literal["file"] | None = None,
    ):
        for argument, value in (("interactions", interactions), ("columns", columns)):
            if not value:
                raise DataError(
                    f"Tables.{argument} is not set.",
                    {
                        "interactions": "The path of a CSV, JSON lines or Parquet file.",
                        "columns": "What each column is, such as {'user': 'query key'}.",
                    }[argument],
                    "Set it, or let `mtframework new experiment --data FILE` write it.",
                )
        assert interactions is not None
        assert columns is not None
        self.interactions = interactions
        self.candidates = candidates
        self.events = _event_kinds(interactions, events)
        self.columns = TableColumns(dict(columns), tuple(self.events))
        self.repeats = _check_repeats(repeats, self.columns, self.events)
        self.schema = self.columns.schema
        if repeats == "count":
            counted = Column(REPEATS, "numeric", "weight")
            self.schema = replace(self.schema, columns=(*self.schema.columns, counted))
        self.split = split
        self.order = order
        self._check_events()
        self._check_order()
        self._check_split()
        whole = split == "leave_last_out"
        self.test_fraction = (
            test_fraction if test_fraction is not None else 1.0 if whole else TEST_FRACTION
        )
        check_held_out_share("Tables.test_fraction", self.test_fraction, whole)
        check_held_out_share("Tables.validation_fraction", validation_fraction, whole)
        check_held_out_share("Tables.max_rejected", max_rejected, True)
        self.validation_fraction = validation_fraction
        self.seed = seed
        self.max_rejected = max_rejected
        self.rejects = rejects
        self.in_memory = in_memory
        self.since = since
        self._check_since()
        if not in_memory:
            self._check_can_be_streamed()

    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set, and says how many rows were read and rejected.

        Raises:
            DataError: A file is missing, damaged or lacks a column; more rows are rejected than
                `max_rejected` allows; a split has no rows.
        """
        say = progress or print_to_stderr
        if self.since == LAST_RUN:
            say('Tables.since is "last_run", and no model is started from: all rows are read.')
        if not self.in_memory:
            return load_streamed(self, progress)
        counts: list[Rejects] = []
        catalogue = self.read_candidates(counts) if self.candidates else None
        passed_over: dict[str, int] = {}
        own = self.split if isinstance(self.split, Mapping) else {}
        tables = {
            split: self._read_interactions(paths, catalogue, counts, passed_over)
            for split, paths in {"train": self.interactions, **own}.items()
        }
        self.tell_rejects(counts, say)
        for sentence in told_of_kinds(tables["train"], self.events, passed_over):
            say(sentence)
        if catalogue is None:
            catalogue = self._distinct_candidates(list(tables.values()), say)
        self._tell_separators([catalogue, *tables.values()], say)
        if self.first_second is not None:
            tables["train"] = self._new_rows(tables["train"], self.first_second, say)
        if "test" not in tables:
            tables["train"], tables["test"] = self._hold_out(
                tables["train"], self.test_fraction, self.seed
            )
        if "validation" not in tables:
            tables["train"], tables["validation"] = self._hold_out(
                tables["train"], self.validation_fraction, self.seed + 1
            )
        splits = {
            split: as_columns(self._with_candidate_columns(table, catalogue))
            for split, table in tables.items()
        }
        return Dataset(
            schema=self.schema,
            train=splits["train"],
            validation=splits["validation"],
            test=splits["test"],
            catalogue=as_columns(catalogue),
            name=self.name,
            rows_in_order=self.order is not None,
            is_continued=self.first_second is not None,
        )

    @property
    def holds_out_validation(self) -> bool:
        """Whether there will be validation rows: a share of the others, or a file of their own."""
        own = isinstance(self.split, Mapping) and "validation" in self.split
        return own or self.validation_fraction > 0

    @property
    def first_second(self) -> int | None:
        """The first second since 1970 of the interactions to read; None where all are read."""
        if self.since is None or self.since == LAST_RUN:
            return None
        seconds, problems = timestamps(pa.array([str(self.since)]), SECONDS, time.time())
        is_truth = str(self.since).strip().lower() in ("true", "false")  # numbers in a file
        if is_truth or seconds.null_count or any(mask.any() for mask in problems.values()):
            raise DataError(
                f"Tables.since is {self.since!r}.",
                'A date, a time in ISO 8601, seconds since 1970 or "last_run"; none in the future.',
                "Write Tables.since = '2026-01-31', or leave it out.",
            )
        return seconds[0].as_py()

    def tell_passed_over(self, num_old: int, num_new: int, say: Callable[[str], None]) -> None:
        """Says how many interactions `since` leaves.

        Raises:
            DataError: It leaves none.
        """
        assert self.first_second is not None
        moment = datetime.datetime.fromtimestamp(self.first_second, datetime.UTC)
        since = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
        if not num_new:
            raise DataError(
                f"No row of {self.name} is from {since} or later; {num_old:,} are from before.",
                "At least one row from Tables.since on.",
                "Wait for new rows, or set Tables.since to an earlier time.",
            )
        say(f"{num_new:,} rows are from {since} or later; {num_old:,} from before are passed over.")

    def fingerprint(self) -> str:
        """Returns the files with their sizes and the times of their last change."""
        paths = [self.interactions] if isinstance(self.interactions, str) else []
        paths += [] if isinstance(self.interactions, str) else list(self.interactions.values())
        paths += [self.candidates] if self.candidates else []
        paths += list(self.split.values()) if isinstance(self.split, Mapping) else []
        files = [file for path in paths for file in find_files(path)]
        states = [(str(file), file.stat()) for file in files]
        return "\n".join(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states)

    @property
    def name(self) -> str:
        """What the data set is called: the path of its interactions."""
        paths = self.interactions
        return paths if isinstance(paths, str) else ", ".join(paths.values())

    def tell_rejects(self, counts: Sequence[Rejects], say: Callable[[str], None]) -> None:
        """Writes and counts the rows left out, and raises a `DataError` where they are too many."""
        write_rejects(Path(self.rejects), counts)
        for each in counts:
            say(each.summary())
            for change in each.changes():
                say(change)
        if any(each.num_rejected for each in counts):
            say(f"The rejected rows are in {self.rejects}.")
        for each in counts:
            each.check(self.max_rejected, self.rejects)

    def read_candidates(self, counts: list[Rejects]) -> pa.Table:
        """Returns the catalogue as its files have it, and appends what was left out."""
        assert self.candidates is not None
        counts.append(Rejects(self.candidates))
        files = [TableFile(path, {}) for path in find_files(self.candidates)]
        meanings = self.columns.candidate_columns
        return read_table(files, meanings, counts[-1], unique=[self.columns.candidate_key])

    def _read_interactions(
        self,
        paths: str | Mapping[str, str],
        catalogue: pa.Table | None,
        counts: list[Rejects],
        passed_over: dict[str, int],
    ) -> pa.Table:
        counts.append(Rejects(paths if isinstance(paths, str) else ", ".join(paths.values())))
        meanings = self.interaction_columns
        value_columns = {column for column in self.events.values() if column is not None}
        meanings.update(dict.fromkeys(value_columns - meanings.keys(), "label"))
        event = self.columns.event
        files = []
        if isinstance(paths, str):
            files = [TableFile(path, {}) for path in find_files(paths)]
        else:
            event = _KIND_OF_FILE
            meanings[event] = EVENT
            for kind, path in paths.items():
                others = value_columns - self.columns.meanings.keys() - {self.events[kind]}
                constants = {event: kind, **dict.fromkeys(others)}
                files += [TableFile(each, constants) for each in find_files(path)]
        allowed = self.allowed_candidates(catalogue)
        table = read_table(
            files, meanings, counts[-1], allowed, keep_repeats=self.repeats != "reject"
        )
        if event is not None:
            table = chosen_events(table, event, self.events, passed_over)
            return merge_events(table, self.columns, event, self.events)
        return count_repeats(table) if self.repeats == "count" else table

    @property
    def interaction_columns(self) -> dict[str, str]:
        """The meanings of the columns that the interactions' files have."""
        of_candidates = self.columns.candidate_columns if self.candidates else {}
        return {
            name: meaning
            for name, meaning in self.columns.meanings.items()
            if name == self.columns.candidate_key or name not in of_candidates
        }

    def allowed_candidates(self, catalogue: pa.Table | None) -> dict[str, Allowed]:
        """Returns the values that the candidate key may have, where the catalogue is a file."""
        if catalogue is None:
            return {}
        key = self.columns.candidate_key
        return {key: Allowed(one_array(catalogue[key]), "is not among the candidates")}

    def _distinct_candidates(
        self, tables: Sequence[pa.Table], say: Callable[[str], None]
    ) -> pa.Table:
        """Returns each candidate as its latest row describes it, in the order of the first ones."""
        names, key = list(self.columns.candidate_columns), self.columns.candidate_key
        table = pa.concat_tables([each.select(names) for each in tables])
        first = table[key].filter(pa.array(first_of_each(table, [key])))
        different = table.filter(pa.array(first_of_each(table, names)))
        if len(different) == len(first):
            return different
        num_ways = different[key].value_counts().field("counts").to_numpy()
        say(
            f"{(num_ways > 1).sum():,} candidates are described in more than one way; their latest "
            "rows count."
        )
        when = self.columns.timestamp
        times = [each[when].to_numpy() for each in tables] if when else []
        order = np.argsort(np.concatenate(times), kind="stable") if when else np.arange(len(table))
        latest = table.take(order[::-1])
        latest = latest.filter(pa.array(first_of_each(latest, [key])))
        return latest.take(pc.index_in(first, one_array(latest[key])))

    def _new_rows(self, table: pa.Table, since: int, say: Callable[[str], None]) -> pa.Table:
        assert self.columns.timestamp is not None
        is_new = table[self.columns.timestamp].to_numpy() >= since
        self.tell_passed_over(int((~is_new).sum()), int(is_new.sum()), say)
        return table.filter(pa.array(is_new))

    def _tell_separators(self, tables: Sequence[pa.Table], say: Callable[[str], None]) -> None:
        for column in self.schema:
            if column.kind != "multi_categorical":
                continue
            parts = [each[column.name] for each in tables if column.name in each.column_names]
            mark = next(filter(None, (other_separator(one_array(each)) for each in parts)), None)
            if mark is not None:
                say(
                    f'Texts of the column "{column.name}" hold "{mark}" and no "|", which '
                    "separates categories: each text is one category."
                )

    def _with_candidate_columns(self, table: pa.Table, catalogue: pa.Table) -> pa.Table:
        key = self.columns.candidate_key
        rows = pc.index_in(table[key], one_array(catalogue[key]))
        for name in catalogue.column_names:
            if name not in table.column_names:
                table = table.append_column(name, catalogue[name].take(rows))
        return table.select([column.name for column in self.schema])

    def _hold_out(self, table: pa.Table, fraction: float, seed: int) -> tuple[pa.Table, pa.Table]:
        in_order = self.order is not None
        split = self.split
        if not isinstance(split, str):
            split = "temporal" if in_order else "random"
        when = self.columns.timestamp
        times = np.arange(len(table)) if in_order else table[when].to_numpy() if when else None
        kept, held_out = hold_out(
            split,
            one_array(table[self.columns.query_key]).dictionary_encode().indices.to_numpy(),
            times,
            fraction,
            seed,
        )
        return table.take(kept), table.take(held_out)

    def _check_since(self) -> None:
        if self.since is not None and self.columns.timestamp is None:
            raise DataError(
                f"Tables.since is {self.since!r}, and no column is a timestamp.",
                'A column with the meaning "timestamp".',
                "Add it to Tables.columns, or leave Tables.since out.",
            )
        self.first_second  # noqa: B018 - says what is wrong with it

    def _check_can_be_streamed(self) -> None:
        whole = {
            "Tables.repeats counts equal rows": self.repeats == "count",
            "Tables.events make one row of all events of a query and a candidate": self.events,
            'The split "leave_last_out" holds out the last row of each query': (
                self.split == "leave_last_out"
            ),
        }
        for what, is_there in whole.items():
            if is_there:
                raise DataError(
                    f"{what}, and Tables.in_memory is False.",
                    'Rows that can be read one by one: labels as columns, split "random", '
                    '"temporal" or by your own files.',
                    "Prepare the rows that way, or leave Tables.in_memory out.",
                )

    def _check_events(self) -> None:
        if self.events and isinstance(self.interactions, str) and self.columns.event is None:
            raise DataError(
                f"Tables.events lists {quoted_list(self.events)}, and no column names the event.",
                'A column with the meaning "event".',
                "Add it to Tables.columns, or leave Tables.events out.",
            )
        if self.columns.event is not None and not isinstance(self.interactions, str):
            raise DataError(
                f'Each kind has its own files, but "{self.columns.event}" is the event column.',
                "One of the two.",
                "Take the column out of Tables.columns, or name one path in Tables.interactions.",
            )
        if self.columns.event is not None and not self.events:
            raise DataError(
                f'The column "{self.columns.event}" names events, and Tables.events is not set.',
                "The kinds that the column may hold, such as ['click', 'purchase'].",
                "List them.",
            )

    def _check_order(self) -> None:
        if self.order is None:
            return
        if self.order != "file":
            raise DataError(f"Tables.order is {self.order!r}.", '"file", or None.', "Correct it.")
        against = {
            "rows have times, which say their order": self.columns.timestamp is not None,
            "each kind has its own files, whose rows have no common order": (
                not isinstance(self.interactions, str)
            ),
            'the split "random" leaves no order': self.split == "random",
        }
        for what, is_there in against.items():
            if is_there:
                raise DataError(
                    f'Tables.order is "file", but {what}.',
                    'One log without a timestamp, and a split "temporal", "leave_last_out" or by '
                    "your own files.",
                    "Leave Tables.order out, or correct the rest.",
                )

    def _check_split(self) -> None:
        if isinstance(self.split, Mapping):
            if "test" not in self.split or set(self.split) - {"test", "validation"}:
                raise DataError(
                    f"Tables.split names files for {quoted_list(self.split)}.",
                    'A path for "test", and perhaps one for "validation".',
                    "Correct Tables.split.",
                )
            if not isinstance(self.interactions, str):
                raise DataError(
                    "Each kind has its own files, and Tables.split names files, too.",
                    f"One of {quoted_list(SPLITS)}.",
                    "Put the kinds into one file with an event column, or let the rows be split.",
                )
        elif self.split not in SPLITS:
            raise DataError(
                f'There is no split "{self.split}".{did_you_mean(self.split, SPLITS)}',
                f"One of {quoted_list(SPLITS)}, or paths of test and validation rows.",
                "Correct Tables.split.",
            )
        elif self.split != "random" and self.columns.timestamp is None and self.order is None:
            raise DataError(
                f'The split "{self.split}" needs times, and no column is a timestamp.',
                'A column with the meaning "timestamp".',
                "Add it to Tables.columns, or split at random; where the rows stand in the order "
                'of time, set Tables.order = "file".',
            )


def _check_repeats(repeats: str, columns: TableColumns, events: Mapping) -> str:
    choices = ("reject", "keep", "count")
    if repeats not in choices:
        raise DataError(
            f"Tables.repeats is {repeats!r}.{did_you_mean(str(repeats), choices)}",
            f"One of {quoted_list(choices)}.",
            "Correct Tables.repeats.",
        )
    taken = REPEATS in columns.meanings
    if repeats == "count" and (events or taken):
        what = "a column has that name" if taken else "Tables.events merge repeated events"
        raise DataError(
            f'Tables.repeats is "count", whose column is "{REPEATS}", and {what}.',
            "Rows without events, and a free name.",
            'Write Tables.repeats = "keep", or rename the column.',
        )
    return repeats


def _event_kinds(
    interactions: str | Mapping[str, str], events: Sequence[str] | Mapping[str, str | None] | None
) -> dict[str, str | None]:
    given = dict(events) if isinstance(events, Mapping) else dict.fromkeys(events or ())
    if isinstance(interactions, str):
        return given
    unknown = [kind for kind in given if kind not in interactions]
    if unknown:
        raise DataError(
            f"Tables.events lists {quoted_list(unknown)}, which have no files."
            f"{did_you_mean(unknown[0], interactions)}",
            f"Kinds of Tables.interactions: {quoted_list(interactions)}.",
            "Correct the names.",
        )
    return {**dict.fromkeys(interactions), **given}
