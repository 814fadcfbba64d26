"""One training with its progress shown. Imports Keras: for commands to import when they run."""

import shutil
from pathlib import Path

from mtframework.cli.progress import training_progress
from mtframework.config import Loaded
from mtframework.training.run import Run
from mtframework.training.train import Trained
from mtframework.training.train import train as train_experiment
from mtframework.training.warm_start import WarmStart


def train_shown(
    loaded: Loaded, folder: Path | None, start: Run | None = None, resumed: Run | None = None
) -> Trained:
    """Builds and trains an experiment, into a new run folder where one is named.

    Args:
        loaded: The experiment.
        folder: The folder to make.
        start: The run to continue from.
        resumed: The run to go on with, in place of a folder to make.
    """
    warm_start = None if start is None else WarmStart(start.load_model())
    experiment = loaded.build()
    run = resumed
    if run is None and folder is not None:
        run = Run.create(folder, None if start is None else start.path)
    if run is not None and not run.checkpoints.paths():
        run.write_config(loaded.text)
        for plugin in loaded.plugin_files:
            shutil.copy(plugin, run.path)
    progress = training_progress(loaded.name)
    try:
        return train_experiment(experiment, run, [progress], warm_start=warm_start)
    except BaseException as error:  # a plugin's parts may raise anything
        if run is not None:
            run.remove_unless_begun()
        if not isinstance(error, Exception):
            raise
        raise loaded.blame(error, experiment) from error
    finally:
        progress.close()
