"""The processes that train one model together: who they are, and what they tell each other.

They speak through the coordination service of `jax.distributed`, which Keras starts. JAX has no
public door to its keys and values.
"""

import contextlib
import importlib
import json
import os
from collections.abc import Iterator
from typing import Any

import keras

from mtframework.errors import RunError
from mtframework.training.distribution.watch import Watch

_ADDRESSES, _NUMBER, _OWN = (
    f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
)
_WAIT_MS = 24 * 3600 * 1000  # a process that ends is noticed otherwise

_watch: Watch | None = None
_num_told = 0


def environment_names_several() -> bool:
    """Returns whether Keras's environment variables speak of more than one process."""
    return os.environ.get(_NUMBER, "") not in ("", "1")


def join() -> None:
    """Joins the processes that Keras's environment variables name; must come before computing.

    Raises:
        RunError: A variable is missing or wrong, or the others cannot be reached; or Keras runs on
            another backend than JAX.
    """
    if not environment_names_several():
        return
    if keras.backend.backend() != "jax":
        raise RunError(
            f"{_NUMBER} is {os.environ[_NUMBER]}, and Keras runs on {keras.backend.backend()}.",
            "The JAX backend, the one on which Keras trains in several processes.",
            f"Set KERAS_BACKEND=jax, or start one process without {_NUMBER}.",
        )
    if _distributed().global_state.client is not None:
        return
    given = {name: os.environ.get(name, "") for name in (_ADDRESSES, _NUMBER, _OWN)}
    told = ", ".join(f"{name}={value}" for name, value in given.items())
    numbers = [given[_NUMBER], given[_OWN]]
    if not given[_ADDRESSES] or not all(each.isdigit() for each in numbers):
        raise _cannot_join(f"The environment has {told}")
    if int(given[_OWN]) >= int(given[_NUMBER]):
        raise _cannot_join(f"The environment has {told}: the numbers of processes start at 0")
    jax = importlib.import_module("jax")
    # It would swallow SIGTERM, by which batch systems ask a process to end.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        # As keras.distribution.initialize does, which would import TensorFlow to seed it.
        jax.distributed.initialize(
            given[_ADDRESSES].split(",")[0], int(given[_NUMBER]), int(given[_OWN])
        )
    except (RuntimeError, ValueError) as error:
        raise _cannot_join(f"This process could not join the others ({told}): {error}") from error


def _cannot_join(found: str) -> RunError:
    return RunError(
        f"{found}.",
        f"In each process {_ADDRESSES}, the address HOST:PORT of process 0 (or all addresses, with "
        f"commas); {_NUMBER}, the same number in all; and {_OWN}, from 0.",
        "Set the three, and start as many processes; in Python, before anything is computed.",
    )


def num_processes() -> int:
    """Returns how many processes have joined; 1 where this one is alone."""
    return 1 if _client() is None else _distributed().global_state.num_processes


def process_id() -> int:
    """Returns this process's number, from 0."""
    return 0 if _client() is None else _distributed().global_state.process_id


def is_first() -> bool:
    """Returns whether this is the process that writes and shows progress."""
    return process_id() == 0


def told_by_all(value: Any) -> list[Any]:
    """Returns what each process tells, in their order; each waits until all have told.

    Args:
        value: What this one tells: what JSON can say.
    """
    global _num_told
    client = _client()
    if client is None:
        return [value]
    _num_told += 1
    folder = f"mtframework/told/{_num_told}"
    client.key_value_set(f"{folder}/{process_id()}", json.dumps(value))
    client.wait_at_barrier(folder, _WAIT_MS)
    return [
        json.loads(client.blocking_key_value_get(f"{folder}/{each}", _WAIT_MS))
        for each in range(num_processes())
    ]


def told_by_first(value: Any) -> Any:
    """Returns what process 0 tells; all must ask."""
    return told_by_all(value if is_first() else None)[0]


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Lets an error of one process end the others, and theirs end this one.

    In one process, nothing changes; nor within itself.
    """
    global _watch
    if num_processes() == 1 or _watch is not None:
        yield
        return
    _watch = Watch(_client(), process_id(), num_processes())
    _watch.start()
    try:
        yield
        told_by_all("ended")
    except BaseException as error:
        _watch.fail(error)
        raise
    finally:
        _watch.stop()
        _watch = None


@contextlib.contextmanager
def in_step() -> Iterator[None]:
    """Holds a process that is silent for seconds to be dead, in what all do at the same time."""
    if _watch is None:
        yield
        return
    told_by_all("in step")
    _watch.is_strict = True
    yield
    _watch.is_strict = False  # not after an error, whose reason may be a process that is gone


def _client() -> Any:
    return _distributed().global_state.client if keras.backend.backend() == "jax" else None


def _distributed() -> Any:
    return importlib.import_module("jax._src.distributed")
