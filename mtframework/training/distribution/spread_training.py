"""Where a training runs: on one device, or spread over several."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from mtframework.data.batches import Batches
from mtframework.data.dataset import Dataset, print_to_stderr
from mtframework.data.rows import files_of
from mtframework.data.streaming.streamed_batches import StreamedBatches
from mtframework.embeddings.spread import Spread
from mtframework.errors import DataError, ModelError, RunError
from mtframework.training.distribution.at_home import bring_home, lay_out
from mtframework.training.distribution.dealt_batches import DealtBatches
from mtframework.training.distribution.distribution import Distribution
from mtframework.training.distribution.processes import (
    environment_names_several,
    is_first,
    num_processes,
    process_id,
    together,
    told_by_all,
)


class SpreadTraining:
    """A training's devices and processes; on one device, all of it does nothing.

    Args:
        spread: How weights and batches are spread; None on one device.
    """

    def __init__(self, spread: Spread | None):
        self.spread = spread

    def lay_out(self, model: keras.Model) -> None:
        """Spreads what the model, compiled and built, was made of before."""
        if self.spread is not None:
            lay_out(model, self.spread)

    def dealt(self, batches: Batches | StreamedBatches, fills_up: bool) -> Any:
        """Returns this process's share of batches; see `DealtBatches`."""
        if self.spread is None:
            return batches
        dealt = DealtBatches(
            batches, self.spread.num_devices, num_processes(), process_id(), fills_up
        )
        if dealt.num_left_out and is_first():
            print_to_stderr(
                f"{dealt.num_left_out} of {dealt.num_rows:,} training rows are left out in each "
                f"epoch, others each time: {dealt.num_devices} devices share each batch evenly."
            )
        return dealt

    def bring_home(self, model: Any) -> None:
        """Gives the trained model to one device of this process."""
        if self.spread is not None:
            bring_home(model)
            model.forget_compiled_steps()  # they are for all devices


@contextlib.contextmanager
def spread_training(distribution: Distribution | None, model: Any) -> Iterator[SpreadTraining]:
    """Puts a distribution in force meanwhile; None is one device.

    Raises:
        ModelError: The backend or a tower trains on one device only, so far.
        RunError: There are several processes, and no distribution or none that have joined.
    """
    if distribution is None:
        if environment_names_several() or num_processes() > 1:
            raise RunError(
                "Keras's environment variables speak of several processes, and the experiment has "
                "no distribution: each would train the whole model alone.",
                "An experiment that says how it is spread.",
                "Set Experiment.distribution = @Distribution(), or start one process without "
                "KERAS_DISTRIBUTION_NUM_PROCESSES.",
            )
        yield SpreadTraining(None)
        return
    spread = distribution.spread()
    if environment_names_several() and num_processes() == 1:
        raise RunError(
            "Keras's environment variables speak of several processes, and this one is alone.",
            "Processes that joined before anything was computed.",
            "Use mtframework train; in Python, call keras.distribution.initialize() first of all.",
        )
    if model.max_length:
        raise ModelError(
            "A tower reads histories as sequences, and the experiment has a distribution.",
            "Towers that read columns of rows: packed histories are not shared among devices yet.",
            "Leave Experiment.distribution out, or the tower.",
        )
    before = keras.distribution.distribution()
    with together():
        keras.distribution.set_distribution(spread)
        try:
            yield SpreadTraining(spread)
        finally:
            keras.distribution.set_distribution(before)


def check_begin(is_resumed: bool, is_warm: bool, distribution: Distribution | None) -> None:
    """Raises a `RunError` for a begin that several processes, or dealt out tables, lack so far.

    Args:
        is_resumed: Whether an interrupted training goes on.
        is_warm: Whether the training begins with a finished model.
        distribution: The experiment's.
    """
    several = num_processes() > 1
    if several and is_resumed:
        raise RunError(
            f"A training is resumed by {num_processes()} processes.",
            "One process: several write no checkpoints to go on from yet.",
            "Begin anew in another folder.",
        )
    dealt_out = distribution is not None and distribution.tables == "rows"
    if is_warm and (several or dealt_out):
        raise RunError(
            "A training that begins with a finished model has "
            + ("several processes." if several else 'tables = "rows".'),
            'One process and tables = "copies": others do not take weights over yet.',
            "Begin anew, or train on the devices of one machine with copies of the tables.",
        )


def check_writer(run: Any) -> None:
    """Raises a `RunError` where another process than the first one has a run to write to."""
    if run is not None and not is_first():
        raise RunError(
            f"The process {process_id()} has a run to write to.",
            "None but in process 0, which writes.",
            "Pass run=None in the others.",
        )


def check_processes(data: Dataset, identity: Any) -> None:
    """Raises an error where processes would train different things, or cannot yet.

    Args:
        data: The data.
        identity: What `identity_of` gives; all must ask.

    Raises:
        DataError: Rows are streamed, and there are several processes.
        RunError: The processes differ in their data, settings or versions.
    """
    if num_processes() == 1:
        return
    if any(files_of(rows) for rows in (data.train, data.validation)):
        raise DataError(
            f"The rows are streamed, and there are {num_processes()} processes.",
            "Rows in memory: streams are not dealt out to several processes yet.",
            "Let Tables read them into memory, or train in one process with all its devices.",
        )
    told = told_by_all(identity)
    for number, other in enumerate(told):
        changed = [
            key for key in dict.fromkeys((*told[0], *other)) if told[0].get(key) != other.get(key)
        ]
        if changed:
            raise RunError(
                f"The processes 0 and {number} differ in {', '.join(changed[:5])}.",
                "The same experiment, data and versions in all of them.",
                "Copy the experiment and its data to all hosts, or share them.",
            )
