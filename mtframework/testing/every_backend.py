"""Checks on the backends that the current process does not run on."""

import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from mtframework.errors import ContractError, ModelError, MtframeworkError

BACKENDS = ("tensorflow", "jax", "torch")


def check_other_backends(check: str, make: Callable[[], Any], arguments: Mapping[str, Any]) -> None:
    """Runs a check on every other installed backend, each in a process of its own.

    Args:
        check: `"check_task"` or another name of `mtframework.testing`.
        make: What makes the part; a function or class at the top of a module.
        arguments: The check's other arguments, as JSON can hold them.

    Raises:
        ContractError: The part breaks clauses there; the message names the backend.
        ModelError: `make` cannot be found by another process.
    """
    file = inspect.getsourcefile(make)
    if file is None or "<" in make.__qualname__:
        raise ModelError(
            f"Another process cannot find {make!r}.",
            "A function or class at the top of a module that is a file.",
            "Write def make(): ... at the top of the file, and give it to the check.",
        )
    order = {
        "check": check,
        "file": str(Path(file).resolve()),
        "module": make.__module__,
        "name": make.__qualname__,
        "arguments": dict(arguments),
    }
    for backend in BACKENDS:
        if backend == keras.backend.backend() or importlib.util.find_spec(backend) is None:
            continue
        answer = subprocess.run(
            [sys.executable, "-m", __name__, json.dumps(order)],
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
        )
        if answer.returncode:
            _raise_from(backend, answer)


def run(order: Mapping[str, Any]) -> None:
    """Runs the check that another process ordered."""
    from mtframework.registry import load_plugins

    load_plugins()
    if importlib.util.find_spec(order["module"]) is not None:
        module = importlib.import_module(order["module"])
    else:  # pytest gives test files names that nothing else finds
        spec = importlib.util.spec_from_file_location(order["module"], order["file"])
        assert spec is not None  # a path that ends in .py always has a loader
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[order["module"]] = module
        spec.loader.exec_module(module)
    make = module
    for name in order["name"].split("."):
        make = getattr(make, name)
    check = getattr(importlib.import_module(__package__ or ""), order["check"])
    check(make, **order["arguments"])


def _raise_from(backend: str, answer: subprocess.CompletedProcess) -> None:
    lines = answer.stdout.strip().split("\n")
    try:
        told = json.loads(lines[-1])
    except json.JSONDecodeError:
        told = [
            (
                (answer.stderr.strip() or "no message").split("\n")[-1],
                "A check that runs.",
                f"Run the check with KERAS_BACKEND={backend} to see all of it.",
            )
        ]
    raise ContractError.of(
        [ContractError(f"On {backend}: {found}", expected, fix) for found, expected, fix in told]
    )


if __name__ == "__main__":
    try:
        run(json.loads(sys.argv[1]))
    except MtframeworkError as error:
        errors = [error, *(error.others if isinstance(error, ContractError) else ())]
        print(json.dumps([(each.found, each.expected, each.fix) for each in errors]))
        sys.exit(1)
