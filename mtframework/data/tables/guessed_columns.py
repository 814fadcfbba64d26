"""A first guess of what a log's columns mean, for its owner to correct."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.tables import column_values
from mtframework.data.tables.column_facts import MAX_BAD, ColumnFacts
from mtframework.data.tables.file_rows import check_names
from mtframework.data.tables.table_columns import EVENT, MILLISECONDS, SECONDS
from mtframework.data.tables.table_files import find_files
from mtframework.data.tables.table_head import read_head
from mtframework.data.tables.table_reader import codes_of
from mtframework.errors import DataError

_QUERY = (
    *("user", "customer", "visitor", "shopper", "member", "reader", "listener", "viewer"),
    *("client", "account", "query", "session"),
)
_CANDIDATE = (
    *("item", "product", "movie", "film", "article", "book", "track", "song", "video", "sku"),
    *("asin", "candidate", "title"),
)
_TIME = {"time", "timestamp", "date", "datetime", "when", "ts", "at", "created"}
_LABEL = {"rating", "star", "score", "label", "click", "clicked", "purchase", "purchased"}
_LABEL |= {"bought", "like", "liked", "converted", "conversion", "returned"}
_EVENT = {"event", "action", "behavior", "behaviour", "what", "kind", "type", "interaction"}
_MAX_EVENTS = 20
_EARLIEST = 631_152_000  # 1990: a date such as 20240131, read as seconds, lies before
_FEW_KEYS = 20


@dataclass
class Guess:
    """What the columns of a log, and of a catalogue, seem to be.

    Args:
        columns: The columns to read, with what `Tables.columns` says of them.
        left_out: The others, each with the reason.
        events: `Tables.events`: the kinds of feedback, each with the column of its values.
        labels: What can be learned: each label with its variance, None where it is 0 or 1.
        repeats: Whether rows stand again too often for it to be a mistake.
    """

    columns: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    events: dict[str, str | None] = field(default_factory=dict)
    labels: dict[str, float | None] = field(default_factory=dict)
    repeats: bool = False

    def named(self, *meanings: str) -> list[str]:
        """Returns the columns that have one of the meanings."""
        return [name for name, meaning in self.columns.items() if meaning in meanings]


def guess_columns(
    interactions: str,
    candidates: str | None = None,
    query: str | None = None,
    candidate: str | None = None,
    labels: Sequence[str] = (),
) -> Guess:
    """Returns what the columns of a log seem to mean, by their names and their values.

    A column that has one value for each query describes the query, one that has one for each
    candidate the candidate. Any other belongs to the single event: a number of two values, or with
    a name such as "rating", is a label; what else it is, its owner alone knows.

    Args:
        interactions: A file, a folder or a pattern; the first file's first rows are looked at.
        candidates: The same of the catalogue, where there is one.
        query: The query's key column, where its name does not say so.
        candidate: The column of what is recommended, where its name does not say so.
        labels: Columns that are labels, whatever they look like.

    Raises:
        DataError: A file cannot be read or has no rows, lacks a column that is named, or no column
            looks like a key.
    """
    path = find_files(interactions)[0]
    table = read_head(path)
    named = [name for name in (query, candidate, *labels) if name is not None]
    check_names(path, named, table.column_names)
    if not table.num_rows:
        raise DataError(f"{path} holds no rows.", "At least one row.", "Check the file.")
    columns = {name: ColumnFacts(name, table[name]) for name in table.column_names}
    for name in labels:
        if columns[name].numbers is None:
            raise DataError(
                f'The column "{name}" of {path} cannot be a label: not all values are numbers.',
                "Numbers, or true and false; empty where not known.",
                'Name another column; kinds of feedback are the meaning "event".',
            )
        if (nothing := columns[name].says_nothing) is not None:
            raise DataError(
                f'The column "{name}" of {path} cannot be a label: it {nothing}.',
                "Two values or more.",
                "Name another column.",
            )
    keys = _keys(columns, interactions, query, candidate, labels)
    log = _Log(columns, keys)
    guess = Guess({name: meaning for meaning, name in keys.items()})
    when = _timestamp([each for each in log.others() if each.name not in labels], log)
    event = None
    for column in log.others():
        kind = log.role(column.name)
        if column.name in labels:
            guess.columns[column.name] = "label"
        elif when is not None and column.name == when[0]:
            guess.columns[column.name] = when[1]
        elif (reason := column.says_nothing) is not None:
            guess.left_out[column.name] = reason
        elif _is_label(column, kind):
            guess.columns[column.name] = "label"
        elif event is None and kind == "context" and _is_event(column):
            event = column.name
            guess.columns[column.name] = EVENT
        else:
            _take_feature(guess, column, kind, log.num_keys.get(kind, 0))
    if candidates is not None:
        _take_catalogue(guess, candidates, keys["candidate key"])
    if event is not None:
        _take_events(guess, log, event)
    for name in guess.named("label"):
        guess.labels[name] = columns[name].variance
    if event is None:
        read = [name for name in guess.columns if name in columns]
        guess.repeats = log.num_distinct(*read) < (1 - MAX_BAD) * table.num_rows
    guess.columns = {name: guess.columns[name] for name in _in_order(guess.columns, columns)}
    return guess


class _Log:
    """The columns of a log, its keys, and which column describes which key."""

    def __init__(self, columns: dict[str, ColumnFacts], keys: dict[str, str]):
        self.columns = columns
        self.keys = {meaning.removesuffix(" key"): name for meaning, name in keys.items()}
        self.table = pa.table({name: column.texts for name, column in columns.items()})
        self.num_keys = {role: self.num_distinct(key) for role, key in self.keys.items()}

    def others(self) -> list[ColumnFacts]:
        return [each for name, each in self.columns.items() if name not in self.keys.values()]

    def num_distinct(self, *names: str) -> int:
        return len(np.unique(codes_of(self.table, names)))

    def role(self, name: str) -> str:
        for role, key in self.keys.items():
            repeats = self.num_keys[role] < self.table.num_rows
            if repeats and self.num_distinct(key, name) == self.num_keys[role]:
                return role
        return "context"


def _keys(
    columns: dict[str, ColumnFacts],
    path: str,
    query: str | None,
    candidate: str | None,
    labels: Sequence[str],
) -> dict[str, str]:
    keys = {}
    asked = (("query key", query, _QUERY), ("candidate key", candidate, _CANDIDATE))
    taken = [query, candidate, *labels]
    for meaning, name, known in asked:
        if name is None:
            # user_id rather than user_age, and a user rather than a session.
            found = [
                (
                    len(set(each.words) - {*known, "id", "key"}),
                    known.index(word),
                    "id" not in each.words,
                    each.name,
                )
                for each in columns.values()
                if each.name not in taken
                for word in known
                if word in each.words
            ]
            if not found:
                raise DataError(
                    f"No column of {path} has a name that suggests a {meaning}.",
                    f"A name with a word such as {', '.join(known[:4])}.",
                    f"Say which column it is with --{meaning.removesuffix(' key')}.",
                )
            name = min(found)[-1]
        keys[meaning] = name
        taken.append(name)
    return keys


def _is_label(column: ColumnFacts, role: str) -> bool:
    if column.numbers is None or "id" in column.words:
        return False
    if role != "context":
        return bool(column.words) and set(column.words) <= _LABEL
    return bool(_LABEL & set(column.words)) or column.variance is None


def _is_event(column: ColumnFacts) -> bool:
    named = bool(_EVENT & set(column.words)) and column.numbers is None
    return named and not column.share_missing and len(column.distinct) <= _MAX_EVENTS


def _timestamp(columns: Sequence[ColumnFacts], log: _Log) -> tuple[str, str] | None:
    """Returns the column that says when, of the event rather than of a key, and its meaning."""
    found = []
    for column in columns:
        for unit in (SECONDS, MILLISECONDS) if _TIME & set(column.words) else ():
            values, _ = column_values.timestamps(column.raw, unit, time.time())
            is_late = values.null_count < len(values) and pc.min(values).as_py() >= _EARLIEST
            if is_late and values.null_count <= MAX_BAD * len(values):
                found.append((log.role(column.name) != "context", len(found), column.name, unit))
                break
    return min(found)[2:] if found else None


def _take_feature(guess: Guess, column: ColumnFacts, role: str, num_keys: int) -> None:
    """Takes a column as a feature of a query or a candidate, or leaves it out."""
    is_number = column.numbers is not None and "id" not in column.words
    if role == "context":
        guess.left_out[column.name] = (
            "'label', 'weight' or 'numeric context'?" if is_number else "'categorical context'?"
        )
    elif is_number and column.share_missing:
        guess.left_out[column.name] = (
            f"'numeric {role}', but empty in {column.share_missing:.1%} of the rows"
        )
    elif is_number:
        guess.columns[column.name] = f"numeric {role}"
    elif column.has_several:
        guess.columns[column.name] = f"multi_categorical {role}"
    elif num_keys > _FEW_KEYS and len(column.distinct) > 0.8 * num_keys:
        guess.left_out[column.name] = f"differs for nearly every {role}, as its key does"
    else:
        guess.columns[column.name] = f"categorical {role}"


def _take_catalogue(guess: Guess, candidates: str, key: str) -> None:
    """Takes the columns that describe candidates from the catalogue instead of from the log."""
    path = find_files(candidates)[0]
    table = read_head(path)
    check_names(path, [key], table.column_names)
    for name in [name for name, each in guess.columns.items() if each.endswith(" candidate")]:
        del guess.columns[name]
        guess.left_out[name] = f"describes a candidate, and is not in {candidates}"
    for name in table.column_names:
        if name == key:
            continue
        column = ColumnFacts(name, table[name])
        guess.columns.pop(name, None)
        guess.left_out.pop(name, None)
        if (reason := column.says_nothing) is not None:
            guess.left_out[name] = reason
        else:
            _take_feature(guess, column, "candidate", table.num_rows)


def _take_events(guess: Guess, log: _Log, event: str) -> None:
    """Lists the kinds of events, and learns of each what its column of values, or 0 and 1, say."""
    kind_of_row = np.array(log.table[event].to_pylist())
    pairs = codes_of(log.table, list(log.keys.values()))
    num_pairs = len(np.unique(pairs))
    owners = {}
    for name in guess.named("label"):
        numbers = log.columns[name].numbers
        assert numbers is not None  # or it would be no label
        kinds = np.unique(kind_of_row[~np.isnan(numbers)])
        if len(kinds) == 1:
            owners.setdefault(str(kinds[0]), name)
    names, counts = np.unique(kind_of_row, return_counts=True)
    for kind in names[np.argsort(counts, kind="stable")].tolist():  # the rarest kind first
        guess.events[kind] = owners.get(kind)
        if kind in owners:
            guess.labels[kind] = log.columns[owners[kind]].variance
            del guess.columns[owners[kind]]
        elif len(np.unique(pairs[kind_of_row == kind])) < num_pairs:
            guess.labels[kind] = None  # a kind that every pair has would teach nothing
    for name in [name for name in guess.events if name in guess.columns]:
        del guess.columns[name]
        guess.left_out[name] = "has the name of an event"


def check_has_columns(guess: Guess, path: str, of_catalogue: bool) -> None:
    """Raises a `DataError` where another file of interactions lacks columns of the guess.

    Args:
        guess: What was made of the first file.
        path: The other file, a folder or a pattern.
        of_catalogue: Whether a catalogue describes the candidates.
    """
    file = find_files(path)[0]
    names = [
        name
        for name, meaning in guess.columns.items()
        if not (of_catalogue and meaning.endswith(" candidate"))
    ]
    values = [column for column in guess.events.values() if column is not None]
    fix = "Take a file with the columns of the log, or leave --test out."
    check_names(file, [*names, *values], read_head(file).column_names, fix)


def _in_order(names, columns: dict[str, ColumnFacts]) -> list[str]:
    return [*(name for name in columns if name in names), *(n for n in names if n not in columns)]
