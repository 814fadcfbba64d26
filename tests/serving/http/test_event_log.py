"""Events on disk: whole, once, and by several processes."""

import json
import os
import signal
import subprocess
import sys

import pytest
from shop import SHOP_SCHEMA

from mtframework.errors import DataError, RunError
from mtframework.serving.http.event_log import EventLog

EVENT = {"event_id": "1", "shopper": "3", "product": "product 04", "stars": 4.5}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "events.jsonl"


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_events_are_there_after_a_restart(path):
    EventLog(path, SHOP_SCHEMA).append([EVENT, {**EVENT, "event_id": 2, "shopper": " 3 "}])
    log = EventLog(path, SHOP_SCHEMA)
    assert [each["event_id"] for each in log.of("3")] == ["1", "2"]
    assert log.append([EVENT]) == 0
    assert lines_of(path) == log.of("3")


def test_what_a_killed_process_left_of_a_line_is_removed(path):
    EventLog(path, SHOP_SCHEMA).append([EVENT])
    with path.open("a") as file:
        file.write('{"event_id": "2", "shopp')
    log = EventLog(path, SHOP_SCHEMA)
    assert log.append([{**EVENT, "event_id": "3"}]) == 1
    assert [each["event_id"] for each in lines_of(path)] == ["1", "3"]


def test_processes_read_what_the_others_write(path):
    one, other = EventLog(path, SHOP_SCHEMA), EventLog(path, SHOP_SCHEMA)
    one.append([EVENT])
    assert other.candidates_of("3") == ["product 04"]
    assert other.append([EVENT, {**EVENT, "event_id": "2", "product": "product 05"}]) == 1
    assert one.candidates_of("3") == ["product 04", "product 05"]


WRITER = """
import sys
from shop import SHOP_SCHEMA
from mtframework.serving.http.event_log import EventLog

log = EventLog(sys.argv[1], SHOP_SCHEMA)
for number in range(10**6):
    event = {"event_id": str(number), "shopper": "3", "product": "product 04"}
    log.append([event])
    print(number, flush=True)
"""


def test_nothing_that_was_acknowledged_is_lost_by_a_kill(path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        acknowledged = [next(process.stdout) for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    kept = [event["event_id"] for event in EventLog(path, SHOP_SCHEMA).of("3")]
    assert kept[: len(acknowledged)] == [number.strip() for number in acknowledged]
    assert len(kept) - len(acknowledged) in (0, 1)
    assert len(set(kept)) == len(kept)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"shopper": "3", "product": "a"}, 'None as "event_id"'),
        ({**EVENT, "shopper": " "}, '" " as "shopper"'.replace('"', "'", 2)),
        ({**EVENT, "shoper": "3"}, 'Did you mean "shopper"?'),
        ({**EVENT, "stars": float("nan")}, 'nan as "stars"'),
        ({**EVENT, "stars": ["5"]}, 'as "stars"'),
    ],
)
def test_an_event_that_cannot_be_kept_is_refused_and_writes_nothing(path, event, text):
    log = EventLog(path, SHOP_SCHEMA)
    with pytest.raises(DataError) as raised:
        log.append([{**EVENT, "event_id": "0"}, event])
    assert text in raised.value.found
    assert lines_of(path) == []


def test_a_file_of_something_else_is_one_error(path):
    path.parent.mkdir()
    path.write_text("shopper,product\n3,product 04\n")
    with pytest.raises(RunError, match="is not an event"):
        EventLog(path, SHOP_SCHEMA)


def test_a_place_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        EventLog(tmp_path / "file" / "events.jsonl", SHOP_SCHEMA)
