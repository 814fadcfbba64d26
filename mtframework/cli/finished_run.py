"""Finished runs, for commands to open. Imports Keras: for commands to import when they run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mtframework import config
from mtframework.errors import RunError
from mtframework.model.model import MultiTaskModel
from mtframework.serving.known_queries import known_queries, lasting_columns
from mtframework.training.run import Run


def load_run(folder: Path, plugins: Sequence[str] | None, trust: bool = False) -> Run:
    """Opens a run and loads the parts that its model is made of.

    A run folder brings along the plugin files that it was trained with, and loading them executes
    them. Those that this user's own training wrote are sealed; others need to be trusted.

    Raises:
        RunError: The folder brings along Python files that are not sealed, named by `--plugin` or
            trusted.
    """
    run = Run.open(folder)
    named = {Path(plugin).stem for plugin in plugins or ()}
    brought = [file for file in run.plugin_files if file.stem not in named]
    if brought and not trust and not run.is_sealed:
        names = ", ".join(file.name for file in brought)
        raise RunError(
            f"{folder} brings along Python that would be executed: {names}.",
            "A run of your own, or one whose Python you have read and trust.",
            "Read the files; then say --trust, or name your own file by --plugin FILE.",
        )
    config.load_parts(run.config_path, plugins or ())
    return run


def queries_of(
    run: Run, model: MultiTaskModel, plugins: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """Returns every query that a run's training met; reads its data where the model needs them.

    Raises:
        ModelError: The model reads columns of which a query has more than one value.
    """
    columns = lasting_columns(model)
    if len(columns) == 1 or any(model.schema[each].role != "query" for each in columns):
        return known_queries(model)
    experiment = config.load_experiment(run.config_path, plugins=plugins or ())
    return known_queries(model, experiment.dataset.load())
