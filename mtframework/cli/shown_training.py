"""One training with its progress shown. Imports Keras: for commands to import when they run."""

import shutil
from pathlib import Path

from mtframework.cli.progress import training_progress
from mtframework.cli.start_from import StartFrom
from mtframework.config import Loaded
from mtframework.training.distribution.processes import is_first
from mtframework.training.run import Run
from mtframework.training.train import Trained
from mtframework.training.train import train as train_experiment


def train_shown(
    loaded: Loaded,
    folder: Path | None,
    start: StartFrom | None = None,
    resumed: Run | None = None,
) -> Trained:
    """Builds and trains an experiment, into a new run folder where one is named.

    Args:
        loaded: The experiment.
        folder: The folder to make.
        start: What to continue from.
        resumed: The run to go on with, in place of a folder to make.
    """
    warm_start = None if start is None else start.warm_start()
    notes = {} if start is None else start.notes(loaded)
    if "since" in notes:  # the configuration that is kept names the moment
        loaded = loaded.with_since(notes["since"])
    experiment = loaded.build()
    if start is not None and start.rule is not None:
        start.rule.check(start.model, experiment.model)
    run = resumed
    if run is None and folder is not None:
        run = Run.create(folder, None if start is None else start.run.path, notes)
    if run is not None and not run.checkpoints.paths():
        run.write_config(loaded.text)
        for plugin in loaded.plugin_files:
            shutil.copy(plugin, run.path)
    shown = [training_progress(loaded.name)] if is_first() else []
    try:
        return train_experiment(experiment, run, shown, warm_start=warm_start)
    except BaseException as error:  # a plugin's parts may raise anything
        if run is not None:
            run.remove_unless_begun()
        if not isinstance(error, Exception):
            raise
        raise loaded.blame(error, experiment) from error
    finally:
        for each in shown:
            each.close()
