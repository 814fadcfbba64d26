"""Keeps what TensorFlow logs while it starts off the terminal."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


def quieten() -> None:
    """Asks TensorFlow for errors alone; what the user has set stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Several models in one process are what compare is for, and no reason to warn of retracing.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def start_keras(debug: bool = False) -> None:
    """Imports Keras and starts its backend, without what these print about missing GPUs.

    TensorFlow writes some of it before it reads any setting, so that only the file descriptor
    helps. An error still comes as an exception.
    """
    with contextlib.nullcontext() if debug else _no_stderr():
        import keras

        keras.ops.zeros(1)


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
