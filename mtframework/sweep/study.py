"""Trials of a sweep, chosen by Optuna and kept in a folder."""

import contextlib
import dataclasses
import importlib.util
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtframework.config import Loaded
from mtframework.errors import (
    ExperimentError,
    MtframeworkError,
    RunError,
    did_you_mean,
    quoted_list,
)
from mtframework.evaluation.evaluate import evaluate
from mtframework.files import lock_folder
from mtframework.sweep.sweep import Sweep
from mtframework.training.train import Trained

if TYPE_CHECKING:
    import optuna


_JOURNAL = "trials.log"


@dataclass(frozen=True)
class TrialResult:
    """One training of a sweep.

    Args:
        number: Its number, from 0.
        values: The value of each variation, as a Gin text.
        objectives: The validation rows' metrics that the sweep judges by.
        seconds: How long it took.
        is_best: Whether no other trial is at least as good in every objective and better in one.
    """

    number: int
    values: Sequence[str]
    objectives: Sequence[float]
    seconds: float
    is_best: bool


class Study:
    """The trials of a sweep, which a folder keeps: one that is opened again goes on.

    The next values are chosen by the tree-structured Parzen estimator, which knows several
    objectives.

    Args:
        sweep: What to vary and to seek.
        folder: Where the trials are written.
        seed: What the choices follow from.

    Raises:
        RunError: Optuna is not installed, or the folder holds another sweep.

    Source: Ozaki et al. 2022, "Multiobjective tree-structured Parzen estimator"; Akiba et al.
    2019, "Optuna: a next-generation hyperparameter optimization framework".
    """

    def __init__(self, sweep: Sweep, folder: Path, seed: int = 0):
        self.sweep = sweep
        self.folder = folder
        self.seed = seed
        self._lock = lock_folder(folder)
        try:
            self._study = self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets another process, or another study of this one, have the folder."""
        self._lock.close()

    @property
    def num_failed(self) -> int:
        """How many trials ended with an error, such as a loss that is not a number."""
        return sum("error" in trial.user_attrs for trial in self._study.trials)

    @property
    def num_tried(self) -> int:
        """How many trials have ended, well or not; those that were interrupted do not count."""
        return self.num_failed + sum(t.state.name == "COMPLETE" for t in self._study.trials)

    def results(self) -> list[TrialResult]:
        """Returns the trials that ended well."""
        best = {trial.number for trial in self._study.best_trials}
        return [
            TrialResult(
                trial.number,
                trial.user_attrs["values"],
                trial.values,
                trial.user_attrs["seconds"],
                trial.number in best,
            )
            for trial in self._study.trials
            if trial.state.name == "COMPLETE"
        ]

    def run(
        self,
        num_trials: int,
        train: Callable[[Loaded], Trained],
        announce: Callable[[str], AbstractContextManager],
        tell: Callable[[Exception], None],
    ) -> None:
        """Tries values until so many trials have ended, those of earlier calls among them.

        Args:
            num_trials: How many trials there are to be in all.
            train: Trains an experiment.
            announce: Told of each trial; its context spans the trial.
            tell: Told of the error of each trial that fails.

        Raises:
            ExperimentError: An objective is not a metric of the experiment.
            RunError: The trials cannot be written.
        """
        while self.num_tried < num_trials:
            with self._writing():
                trial = self._study.ask()
                values = [variation.suggest(trial) for variation in self.sweep.variations]
                trial.set_user_attr("values", values)
            began = time.perf_counter()
            try:
                with announce(", ".join(self.sweep.varied(values))):
                    trained = train(self.sweep.load(values))
                    metrics = evaluate(trained.model, trained.dataset, "validation")
            except Exception as error:  # values that do not go together may raise anything
                tell(error)
                with self._writing():
                    trial.set_user_attr("error", f"{type(error).__name__}: {error}")
                    self._study.tell(trial, state=self._failed)
                continue
            objectives = [_objective(name, metrics) for name in self.sweep.objectives]
            with self._writing():
                trial.set_user_attr("seconds", time.perf_counter() - began)
                self._study.tell(trial, objectives)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Says of what cannot be written where it should be, and how the sweep goes on."""
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{self.folder / _JOURNAL} cannot be written: {error.strerror or error}.",
                "Space on the disk, and a folder that can be written.",
                "Free some space; the same command then goes on after the trials that are kept.",
            ) from error

    def _open(self) -> "optuna.Study":
        if importlib.util.find_spec("optuna") is None:
            raise RunError(
                "Optuna is not installed.",
                "The package optuna, which chooses a sweep's trials.",
                "Install it: pip install 'mtframework[sweep]'.",
            )
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        journal = self.folder / _JOURNAL
        settings = {
            "experiment": self.sweep.base.fingerprint,
            "data": self.sweep.base.build().dataset.fingerprint(),
            "vary": [dataclasses.asdict(each) for each in self.sweep.variations],
            "objectives": list(self.sweep.objectives),
        }
        settings = json.loads(json.dumps(settings))  # as it will be read
        try:
            _cut_torn_line(journal)
            # Optuna's own lock: who held it was killed, since the folder is ours.
            journal.with_name(f"{_JOURNAL}.lock").unlink(missing_ok=True)
            study = optuna.create_study(
                study_name="sweep",
                storage=optuna.storages.JournalStorage(JournalFileBackend(str(journal))),
                directions=[
                    "maximize" if self.sweep.direction(name) else "minimize"
                    for name in self.sweep.objectives
                ],
                load_if_exists=True,
            )
        except OSError as error:
            raise RunError(
                f"{self.folder} cannot be written: {error.strerror}.",
                "A folder that can be written.",
                "Name another folder.",
            ) from error
        except MtframeworkError:
            raise
        except ValueError as error:
            raise RunError(
                f"{journal} cannot be read: {error}",
                "A file that an earlier sweep wrote.",
                "Name another folder, or remove this one.",
            ) from error
        kept = study.user_attrs.setdefault("settings", settings)
        if kept != settings:
            changed = [name for name in settings if settings[name] != kept.get(name)]
            raise RunError(
                f"{self.folder} holds another sweep, with another {' and '.join(changed)}.",
                "The same experiment, data, --vary, --objective and --set as before.",
                "Name another folder, or remove this one.",
            )
        study.set_user_attr("settings", settings)
        for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
            study.tell(trial.number, state=self._failed)  # an interruption left it
        # Another start at each opening: the same one would draw the first values once more.
        study.sampler = optuna.samplers.TPESampler(seed=self.seed + len(study.trials))
        return study

    @property
    def _failed(self) -> Any:
        from optuna.trial import TrialState

        return TrialState.FAIL


def _cut_torn_line(journal: Path) -> None:
    """Cuts off a last line that an interruption left without its end."""
    text = journal.read_bytes() if journal.exists() else b""
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        with open(journal, "r+b") as file:
            file.truncate(whole)


def _objective(name: str, metrics: Mapping[str, float]) -> float:
    if name not in metrics:
        raise ExperimentError(
            f'The experiment has no metric "{name}" on its validation rows.'
            f"{did_you_mean(name, metrics)}",
            f"One of {quoted_list(metrics)}.",
            "Correct --objective.",
        )
    return metrics[name]
