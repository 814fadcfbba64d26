"""What people did since the training, on disk before it is acknowledged."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtframework.arguments import is_finite_number
from mtframework.errors import DataError, RunError, did_you_mean, quoted_list
from mtframework.files import locked
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import as_strings, normalized_texts

ID = "event_id"
"""The key of an event's id: of events with one id, the first counts."""


class EventLog:
    """A file of JSON lines, an event a line, that grows while the service runs.

    An event is acknowledged when its line is on the disk. Several processes may write to one file:
    each locks it to append, and reads what the others have appended. What a killed process left of
    an unacknowledged line is removed before the next one is written. `Tables` reads the file.

    Args:
        path: The file; made where it is not there.
        schema: The columns that an event may have. The keys of the query and candidate are needed.

    Raises:
        RunError: The file cannot be read or written.

    Example:

    >>> import tempfile
    >>> schema = mtf.Schema(
    ...     (
    ...         mtf.Column("who", "categorical", "query"),
    ...         mtf.Column("what", "categorical", "candidate"),
    ...     ),
    ...     query_key="who",
    ...     candidate_key="what",
    ... )
    >>> log = EventLog(Path(tempfile.mkdtemp()) / "events.jsonl", schema)
    >>> log.append([{"event_id": "1", "who": "Ann", "what": "Emma"}])
    1
    >>> log.append([{"event_id": "1", "who": "Ann", "what": "Emma"}])  # sent again
    0
    >>> log.of("Ann")
    [{'event_id': '1', 'who': 'Ann', 'what': 'Emma'}]
    """

    def __init__(self, path: str | os.PathLike, schema: Schema):
        self.path = Path(path)
        self.schema = schema
        self._keys = schema.query_key, schema.candidate_key
        self._ids: set[str] = set()
        self._by_query: dict[str, list[dict[str, Any]]] = {}
        self._position = 0
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        except OSError as error:
            raise self._unwritable(error) from error
        with self._lock:
            self._read_on()

    def append(self, events: Sequence[Mapping[str, Any]]) -> int:
        """Writes those events whose id is new, and returns how many they are.

        Raises:
            DataError: An event lacks a key, has a column that the data do not have, or its value is
                neither a text nor a number. Nothing is written then.
            RunError: The file cannot be written.
        """
        checked = [self._checked(event) for event in events]
        with self._lock:
            try:
                with self.path.open("r+b") as file, locked(file):
                    self._read_on()
                    new = {}
                    for event in checked:
                        if event[ID] not in self._ids:
                            new.setdefault(event[ID], event)
                    file.seek(self._position)
                    file.truncate()
                    text = "".join(
                        json.dumps(event, ensure_ascii=False) + "\n" for event in new.values()
                    )
                    file.write(text.encode("utf-8"))
                    file.flush()
                    os.fsync(file.fileno())
                    self._read_on()
            except OSError as error:
                raise self._unwritable(error) from error
        return len(new)

    def of(self, query: str) -> list[dict[str, Any]]:
        """Returns a query's events, oldest first, those of other processes among them."""
        query = as_id(query)
        with self._lock:
            if self.path.exists() and self.path.stat().st_size > self._position:
                self._read_on()
            return list(self._by_query.get(query, ()))

    def candidates_of(self, query: str) -> list[str]:
        """Returns the candidates of a query's events, each once."""
        return list(dict.fromkeys(event[self.schema.candidate_key] for event in self.of(query)))

    def _read_on(self) -> None:
        """Reads the whole lines that were appended since."""
        with self.path.open("rb") as file:
            file.seek(self._position)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines()):
            try:
                event = json.loads(line)
                query, _, id_ = (event[name] for name in (*self._keys, ID))
            except (ValueError, KeyError, TypeError) as error:
                raise RunError(
                    f"Line {number + 1} from byte {self._position} of {self.path} is not an event: "
                    f"{line[:80].decode('utf-8', 'replace')!r}.",
                    "A file that this service wrote.",
                    "Name another file, or remove the line.",
                ) from error
            if id_ not in self._ids:
                self._ids.add(id_)
                self._by_query.setdefault(query, []).append(event)
        self._position += len(whole)

    def _checked(self, event: Mapping[str, Any]) -> dict[str, Any]:
        known = (ID, *(column.name for column in self.schema.columns))
        for name in event:
            if name not in known:
                raise DataError(
                    f'The event has "{name}", and the data have no such column.'
                    f"{did_you_mean(name, known)}",
                    f"Some of {quoted_list(known)}.",
                    "Correct the name, or leave it out.",
                )
        keys = (ID, *self._keys)
        for name in keys:
            value = event.get(name)
            if isinstance(value, bool) or not isinstance(value, (str, int)) or not as_id(value):
                raise DataError(
                    f'The event has {event.get(name)!r} as "{name}".',
                    "A text that is not empty, or a whole number.",
                    f'Add "{name}" to each event; an id of your own for each, so that one that is '
                    "sent twice counts once."
                    if name == ID
                    else f'Add "{name}" to each event.',
                )
        for name, value in event.items():
            if isinstance(value, str):
                as_id(value)  # raises where it cannot be written
            if not isinstance(value, (str, bool)) and not is_finite_number(value):
                raise DataError(
                    f'The event has {value!r} as "{name}".',
                    "A text or a finite number.",
                    "Correct the value, or leave the column out.",
                )
        return {name: as_id(value) if name in keys else value for name, value in event.items()}

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(
            f"{self.path} cannot be written: {error.strerror}.",
            "A file for events that can be written.",
            "Name another file with --events, or correct its permissions or the disk's free space.",
        )


def as_id(value: str | int) -> str:
    """Returns the text by which every door of the package knows an id."""
    return str(normalized_texts(as_strings([value]))[0])
