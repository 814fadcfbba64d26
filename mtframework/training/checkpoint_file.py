"""One checkpoint: arrays and what else a training needs to go on, in one checked file."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from mtframework.errors import RunError
from mtframework.files import written_whole

_MAGIC = b"mtframework checkpoint 1\n"
_DIGEST_BYTES = 32


def write_checkpoint(path: Path, state: Any, arrays: Sequence[np.ndarray]) -> None:
    """Writes a checkpoint, whole or not at all.

    The file is a line that says what it is, the length of a JSON text in 8 bytes (little-endian),
    the text, the arrays' bytes one after the other, and the SHA-256 of all that.

    Args:
        path: The file.
        state: What JSON can say, and NumPy arrays, in dicts and lists.
        arrays: Arrays of any dtype.

    Raises:
        OSError: It cannot be written; what was there before is still there.
    """
    arrays = list(arrays)
    num_given = len(arrays)
    text = json.dumps(
        {
            "state": _without_arrays(state, arrays),  # appends those of the state
            "num_given": num_given,
            "arrays": [[each.dtype.name, list(each.shape)] for each in arrays],
        }
    ).encode()
    digest = hashlib.sha256()
    with written_whole(path) as partial, partial.open("wb") as file:
        for part in (_MAGIC, len(text).to_bytes(8, "little"), text, *map(_bytes_of, arrays)):
            file.write(part)
            digest.update(part)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())  # or the name could be on the disk before the content


def read_checkpoint(path: Path) -> tuple[Any, list[np.ndarray]]:
    """Returns the state and the arrays of a checkpoint.

    Raises:
        RunError: The file cannot be read, was cut short, or is not what was written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    body = memoryview(content)[:-_DIGEST_BYTES]
    if not content.startswith(_MAGIC) or len(body) < len(_MAGIC) + 8:
        raise _damaged(path, "it does not begin as a checkpoint does")
    if hashlib.sha256(body).digest() != content[-_DIGEST_BYTES:]:
        raise _damaged(path, "its checksum is wrong")
    start = len(_MAGIC) + 8
    end = start + int.from_bytes(body[len(_MAGIC) : start], "little")
    written = json.loads(bytes(body[start:end]))
    arrays = []
    for name, shape in written["arrays"]:
        dtype = np.dtype(getattr(ml_dtypes, name, name))
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        arrays.append(np.frombuffer(body[end : end + size], dtype).reshape(shape).copy())
        end += size
    given = written["num_given"]
    return _with_arrays(written["state"], arrays), arrays[:given]


def _bytes_of(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _without_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    """Returns the value with each array replaced by its place among `arrays`."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": {key: _without_arrays(each, arrays) for key, each in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(each, arrays) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value: Any, arrays: Sequence[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    return {key: _with_arrays(each, arrays) for key, each in value["dict"].items()}


def _damaged(path: Path, why: str) -> RunError:
    return RunError(
        f"{path} cannot be used: {why}.",
        "A checkpoint as it was written.",
        "Remove the file: the training goes on from the checkpoint before, or from its start.",
    )
