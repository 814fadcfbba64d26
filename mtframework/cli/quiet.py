"""Starts Keras, without what TensorFlow logs meanwhile, and on NumPy where that is enough."""

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import NoReturn

import typer


def quieten() -> None:
    """Asks TensorFlow for errors alone; what the user has set stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Several models in one process are what compare is for, and no reason to warn of retracing.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def start_keras(debug: bool = False, joins: bool = False) -> None:
    """Imports Keras and starts its backend, without what these print about missing GPUs.

    TensorFlow writes some of it before it reads any setting, so that only the file descriptor
    helps. An error still comes as an exception.

    Args:
        debug: Whether to let them print.
        joins: Whether to join the processes that Keras's environment variables name.
    """
    with without_stderr(debug):
        import keras

        if joins:
            from mtframework.training.distribution.processes import join

            join()
        keras.ops.zeros(1)


def choose_numpy() -> bool:
    """Lets Keras start on NumPy, for a command that trains nothing; returns whether it will.

    TensorFlow takes three seconds to import, NumPy one. A backend stays where the user has chosen
    it or it is there already; Keras's NumPy backend needs JAX, which may not be installed.
    """
    is_chosen = "KERAS_BACKEND" in os.environ or "keras" in sys.modules
    if is_chosen or importlib.util.find_spec("jax") is None:
        return False
    os.environ["KERAS_BACKEND"] = "numpy"
    warnings.filterwarnings("ignore", "`custom_gradient` for the numpy backend", UserWarning)
    return True


def run_again() -> NoReturn:
    """Runs the process's command again on Keras's usual backend, which a plugin may need."""
    code = "from mtframework.cli import app, quiet; quiet.start_keras(); app.main()"
    environment = {name: text for name, text in os.environ.items() if name != "KERAS_BACKEND"}
    command = [sys.executable, "-P", "-c", code, *sys.argv[1:]]
    raise typer.Exit(subprocess.run(command, env=environment).returncode)


@contextlib.contextmanager
def again_on_usual_backend(on_numpy: bool) -> Iterator[None]:
    """Runs the command again on Keras's usual backend where it fails on NumPy.

    A plugin's part may need another backend; any other error comes again, from there.
    """
    try:
        yield
    except Exception as error:
        if on_numpy and not isinstance(error, typer.Exit):
            run_again()
        raise


@contextlib.contextmanager
def without_stderr(debug: bool = False) -> Iterator[None]:
    """Drops what is written to the standard error meanwhile, unless `debug`."""
    if debug:
        yield
        return
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
