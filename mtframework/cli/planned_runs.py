"""The runs of a comparison. Imports Keras: for commands to import when they run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtframework import config
from mtframework.cli.errors import console, tell_warnings
from mtframework.cli.resumed_run import resumed_run
from mtframework.cli.runs_left import RunsLeft
from mtframework.cli.shown_training import train_shown
from mtframework.config import Loaded
from mtframework.errors import ExperimentError
from mtframework.evaluation.baselines.judge import judge_baselines
from mtframework.evaluation.compare import Comparison, judge
from mtframework.evaluation.finished_runs import FinishedRuns
from mtframework.training.run import Run
from mtframework.training.train import Trained


@dataclass(frozen=True)
class PlannedRun:
    """One experiment with one seed.

    Args:
        name: What to call the experiment.
        loaded: The experiment, with the seed.
        folder: The name of its run folder.
    """

    name: str
    loaded: Loaded
    folder: str


def load_experiments(
    paths: Sequence[Path], bindings: Sequence[str], plugins: Sequence[str], trust: bool = False
) -> list[Loaded]:
    """Returns the experiments, all of them checked before the first one trains.

    Raises:
        CheckError: One of them has mistakes.
        ExperimentError: All of them are fragments.
    """
    loaded = [config.load(path, bindings, plugins, trust) for path in paths]
    complete = [each for each in loaded if not each.is_fragment]
    for each in loaded:
        if each.is_fragment:
            console().print(
                f"{each.path} is not compared: it is a fragment, which leaves {each.left_to_set} "
                "to the files that include it.",
                style="dim",
            )
    if not complete:
        raise ExperimentError(
            "Every file that was given is a fragment.",
            "At least one complete experiment.",
            "Name files that include these fragments.",
        )
    findings = [finding for each in complete for finding in each.check()]
    config.raise_errors(findings)
    tell_warnings(findings)
    return complete


def plan(loaded: Sequence[Loaded], first_seed: int | None, num_seeds: int) -> list[PlannedRun]:
    """Returns every run, all seeds of an experiment together."""
    runs = []
    for name, each in zip(_names(loaded), loaded, strict=True):
        start = each.seed if first_seed is None else first_seed
        for seed in range(start, start + num_seeds):
            folder = name if num_seeds == 1 else f"{name}-{seed}"
            runs.append(PlannedRun(name, each.with_seed(seed), folder))
    return runs


def carry_out(
    runs: Sequence[PlannedRun],
    split: str,
    folder: Path | None = None,
    finished: FinishedRuns | None = None,
    reuse: bool = True,
) -> Iterator[tuple[PlannedRun, Trained | None, Comparison]]:
    """Trains and judges every run, and yields each when it is done.

    Args:
        runs: What to train.
        split: The rows to evaluate on.
        folder: Where to keep each training; None keeps none. One that was interrupted there goes
            on.
        finished: Where to keep each result; None keeps none.
        reuse: Whether a result that was kept stands for its run, which then has no model.
    """
    left = RunsLeft(len(runs))
    for run in runs:
        what = f"{run.name}, seed {run.loaded.seed}"
        made_from = f"{run.loaded.fingerprint}\n{run.loaded.build().dataset.fingerprint()}"
        kept = finished.find(run.name, made_from, split) if finished and reuse else None
        if kept is not None:
            left.skip(what)
            yield run, None, kept
            continue
        with left.run(what):
            place = folder and folder / run.folder
            trained = train_shown(run.loaded, place, resumed=_interrupted(run.loaded, place))
            result = judge(run.name, run.loaded.seed, trained, split)
        if finished:
            finished.keep(made_from, split, result)
        yield run, trained, result


def _interrupted(loaded: Loaded, folder: Path | None) -> Run | None:
    """Returns the training that an interruption left in a folder; None where there is none."""
    run = None if folder is None else Run(folder)
    if run is None or not (run.path / "run.json").exists() or run.model_path.exists():
        return None
    return resumed_run(loaded, folder, ())


def baselines_of(run: PlannedRun, split: str) -> list[Comparison]:
    """Returns what simple methods reach on the tasks and the data of a run."""
    experiment = run.loaded.build()
    data = experiment.dataset.load()
    experiment.model.adapt(data)
    return judge_baselines(experiment.model, data, split)


def _names(loaded: Sequence[Loaded]) -> list[str]:
    """Returns what to call each experiment: its file, with the folder where two are alike."""
    names = [each.name for each in loaded]
    if len(set(names)) < len(names):
        names = [f"{each.path.resolve().parent.name}-{each.name}" for each in loaded]
    if len(set(names)) < len(names):
        names = [f"{number}-{name}" for number, name in enumerate(names, start=1)]
    return names
