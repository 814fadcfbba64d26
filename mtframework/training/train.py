"""Training: from an experiment to a model."""

import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from mtframework.data.dataset import Dataset, print_to_stderr
from mtframework.errors import MtframeworkError
from mtframework.model.batches import batches_of
from mtframework.model.model import MultiTaskModel
from mtframework.training.callbacks import (
    CheckpointWriter,
    MetricsWriter,
    StopOnNonFiniteLoss,
    TensorBoardWriter,
)
from mtframework.training.distribution.processes import in_step, num_processes
from mtframework.training.distribution.spread_training import (
    SpreadTraining,
    check_begin,
    check_processes,
    check_writer,
    spread_training,
)
from mtframework.training.early_stopping import BestEpoch
from mtframework.training.experiment import Experiment
from mtframework.training.identity import check_same, identity_of
from mtframework.training.interruption import Interruption, awaited
from mtframework.training.run import Run
from mtframework.training.seed import set_seed
from mtframework.training.session import Interrupted, Session
from mtframework.training.warm_start import WarmStart


@dataclass(frozen=True)
class Trained:
    """What training gives.

    Args:
        model: The trained model.
        dataset: The data it was trained on.
        history: Each metric's value an epoch, `{name: [num_epochs]}`; of metrics of validation
            rows, one for each time that they were evaluated.
        fit_seconds: How long training took, without loading the data.
        epoch: Whose weights the model has, from 1: the best with early stopping, else the last.
        metrics: The metrics of that epoch.
    """

    model: MultiTaskModel
    dataset: Dataset
    history: dict[str, list[float]]
    fit_seconds: float
    epoch: int
    metrics: dict[str, float]


def train(
    experiment: Experiment,
    run: Run | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    dataset: Dataset | None = None,
    warm_start: WarmStart | None = None,
) -> Trained:
    """Trains the experiment's model.

    A run that `Run.resume` opened goes on from its last checkpoint, and ends as it would have ended
    without the interruption, bit for bit. Ctrl-C and SIGTERM end a training that has a run after
    the step that it is at, with a checkpoint; a second one ends it at once.

    With early stopping, the validation rows are judged by `evaluate` instead of by Keras, the
    checkpoint is that of the best epoch, and so is the model in the end.

    With a distribution, the model is trained on all devices and ends on the first one. In several
    processes all of them train it, process 0 has the run, and an error of one ends all.

    Args:
        experiment: What to train, on what, and how long. Its model is trained in place.
        run: Where to write metrics and the model; None writes nothing.
        callbacks: Keras callbacks, for example one that shows progress.
        dataset: The experiment's data, where it is loaded already.
        warm_start: What to continue from; None starts afresh.

    Raises:
        DataError: The data cannot be had or read.
        ModelError: The model does not fit the data or the warm start, or its loss is no longer
            a number.
        RunError: The run was begun with another experiment, other data or versions; or its
            checkpoints are damaged.
    """
    try:
        with spread_training(experiment.distribution, experiment.model) as spread:
            check_writer(run)
            is_resumed = run is not None and run.is_resumed
            check_begin(is_resumed, warm_start is not None, experiment.distribution)
            return _train(experiment, run, callbacks, dataset, warm_start, spread)
    except Interrupted as end:
        if end.number != signal.SIGINT:
            print_to_stderr(str(end))
            signal.raise_signal(end.number)
        raise
    finally:
        if run is not None:
            run.close()


def _train(
    experiment: Experiment,
    run: Run | None,
    callbacks: Sequence[keras.callbacks.Callback],
    dataset: Dataset | None,
    warm_start: WarmStart | None,
    spread: SpreadTraining,
) -> Trained:
    found = None
    if run is not None and run.is_resumed:
        found = run.checkpoints.load(print_to_stderr)
        if found is None:
            run.begin_again()
    source = experiment.dataset
    if warm_start is not None:
        source = warm_start.new_rows_of(source)
    data: Dataset = dataset or source.load()
    set_seed(experiment.seed)  # loading may have drawn numbers
    model = experiment.model
    if warm_start is not None:
        data = warm_start.grow(data)
    several = num_processes() > 1
    identity = identity_of(experiment, data) if run is not None or several else {}
    check_processes(data, identity)
    if run is not None and found is not None:
        check_same(found[0]["identity"], identity, str(run.path))
    model.adapt(data, needs_labels=warm_start is None)
    if warm_start is not None:
        warm_start.restore(model)
        if data.is_continued:
            warm_start.remember(model)
    model.compile(
        optimizer=experiment.optimizer, embedding_optimizer=experiment.embedding_optimizer
    )
    if warm_start is not None:
        warm_start.restore_optimizer(model)
    spread.lay_out(model)
    best = None
    if experiment.early_stopping is not None:
        data.split("validation")  # raises where there is none
        best = BestEpoch(experiment.early_stopping, data, run)
    stop = StopOnNonFiniteLoss(run)
    callbacks = [*callbacks, stop]
    if best is not None:
        callbacks.append(best)  # before the writers, which write what it measures
    if run is not None:
        if experiment.fusion is not None:
            run.save_fusion(experiment.fusion)
        callbacks += [MetricsWriter(run.metrics_path), TensorBoardWriter(run.tensorboard_path)]
        if best is None and not several:
            callbacks.append(CheckpointWriter(run))
    batches = batches_of(model, data, "train", experiment.batch_size, seed=experiment.seed)
    batches = spread.dealt(batches, fills_up=False)
    validation = None
    if data.has_validation and best is None:
        validation = batches_of(model, data, "validation", experiment.batch_size, shuffle=False)
        validation = spread.dealt(validation, fills_up=True)
    began = time.perf_counter()
    waits = run is not None or several
    interruption = awaited() if waits else contextlib.nullcontext(Interruption())
    with interruption as asked, in_step():
        session = Session(
            callbacks,
            batches,
            experiment.epochs,
            model,
            identity,
            asked,
            None if run is None or several else run.checkpoints,
            experiment.checkpoint_minutes,
            found,
        )
        history = _fit(model, batches, validation, session, stop)
    fit_seconds = time.perf_counter() - began
    spread.bring_home(model)
    if best is not None:
        best.give_best()
    if run:
        run.save_model(model)
    metrics = {name: float(values[-1]) for name, values in history.history.items()}
    epoch = len(history.epoch)
    if best is not None:
        metrics, epoch = best.logs, best.epoch
    return Trained(model, data, history.history, fit_seconds, epoch, metrics)


def _fit(model, batches, validation, session: Session, stop: StopOnNonFiniteLoss):
    try:
        return model.fit(
            batches,
            validation_data=validation,
            initial_epoch=session.first_epoch,
            epochs=session.last_epoch,
            callbacks=session,
            verbose=0,
        )
    except MtframeworkError:
        raise
    except Exception:
        for each in (batches, validation):
            if each is not None and each.error is not None:
                raise each.error from None
        stop.explain(batches)
        raise
