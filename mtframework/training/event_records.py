"""Scalars as the records of TensorBoard's event files."""

import struct
from collections.abc import Mapping

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c
from tensorboardX.summary import scalar


def first_record(seconds: float) -> bytes:
    """Returns what an event file begins with.

    Args:
        seconds: The time since 1970.
    """
    return _record(Event(wall_time=seconds, file_version="brain.Event:2"))


def records_of(values: Mapping[str, float], step: int, seconds: float) -> bytes:
    """Returns a record for each scalar.

    tensorboardX's own writer hands them to a thread, in which a full disk is nobody's error, and
    which the next ones then wait for.

    Args:
        values: The scalars by name.
        step: Where they stand on the axis, such as the epoch.
        seconds: The time since 1970.
    """
    return b"".join(
        _record(Event(wall_time=seconds, step=step, summary=scalar(name, value)))
        for name, value in values.items()
    )


def _record(event: Event) -> bytes:
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(data))
