"""Finished runs, for commands to open. Imports Keras: for commands to import when they run."""

from collections.abc import Sequence
from pathlib import Path

from mtframework import config
from mtframework.training.run import Run


def load_run(folder: Path, plugins: Sequence[str] | None) -> Run:
    """Opens a run and loads the parts that its model is made of."""
    run = Run.open(folder)
    config.load_parts(run.config_path, plugins or ())
    return run
