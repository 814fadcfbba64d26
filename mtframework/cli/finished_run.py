"""Finished runs, for commands to open. Imports Keras: for commands to import when they run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mtframework import config
from mtframework.model.model import MultiTaskModel
from mtframework.serving.known_queries import known_queries, lasting_columns
from mtframework.training.run import Run


def load_run(folder: Path, plugins: Sequence[str] | None, trust: bool) -> Run:
    """Opens a run and loads the parts that its model is made of.

    What the folder itself imports is executed if it is trusted, or if `plugins` loaded it.
    """
    run = Run.open(folder)
    config.load_parts(run.config_path, plugins or (), trust)
    return run


def queries_of(
    run: Run, model: MultiTaskModel, plugins: Sequence[str] | None, trust: bool
) -> dict[str, np.ndarray]:
    """Returns every query that a run's training met; reads its data where the model needs them.

    Raises:
        ModelError: The model reads columns of which a query has more than one value.
    """
    columns = lasting_columns(model)
    if len(columns) == 1 or any(model.schema[each].role != "query" for each in columns):
        return known_queries(model)
    experiment = config.load_experiment(run.config_path, plugins=plugins or (), trust=trust)
    return known_queries(model, experiment.dataset.load())
