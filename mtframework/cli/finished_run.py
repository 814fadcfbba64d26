"""Finished runs, for commands to open. Imports Keras: for commands to import when they run."""

from collections.abc import Sequence
from pathlib import Path

from mtframework import config
from mtframework.errors import RunError
from mtframework.training.experiment import Experiment
from mtframework.training.run import Run


def load_run(folder: Path, plugins: Sequence[str] | None, trust: bool) -> Run:
    """Opens a run and loads the parts that its model is made of.

    What the folder itself imports is executed if it is trusted, or if `plugins` loaded it.
    """
    run = Run.open(folder)
    path = run.config_path if run.config_path.exists() else None  # none of a run from Python
    config.load_parts(path, plugins or (), trust)
    return run


def load_experiment(run: Run, plugins: Sequence[str] | None, trust: bool) -> Experiment:
    """Returns the experiment that a run was trained by.

    Raises:
        RunError: The run was trained from Python, which leaves no configuration.
    """
    if not run.config_path.exists():
        raise RunError(
            f"{run.path} holds no config.gin: it was trained from Python.",
            "A run made by `mtframework train`, which records its data.",
            "Call mtframework.evaluate(mtframework.Run.open(path).load_model(), dataset).",
        )
    return config.load_experiment(run.config_path, plugins=plugins or (), trust=trust)
