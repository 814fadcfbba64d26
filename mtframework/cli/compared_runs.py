"""Finished runs, judged without training. Imports Keras: for commands to import when they run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtframework.cli.finished_run import load_experiment, load_run
from mtframework.data.dataset import Dataset
from mtframework.errors import RunError
from mtframework.evaluation.baselines.judge import judge_baselines
from mtframework.evaluation.compare import Comparison, judge
from mtframework.model.model import MultiTaskModel
from mtframework.training.train import Trained


@dataclass
class ComparedRuns:
    """The results of finished runs, and those of baselines on the same rows.

    Args:
        folders: Run folders, or folders of run folders.
        plugins: Modules to import.
        trust: Whether what the folders import may be executed.
        split: The rows to evaluate on.
        with_baselines: Whether to add baselines, on the data of the run with the most tasks.
    """

    folders: Sequence[Path]
    plugins: Sequence[str]
    trust: bool
    split: str
    with_baselines: bool

    def judge(self) -> Iterator[Comparison]:
        """Yields each run's result, then the baselines'.

        Raises:
            RunError: A folder holds no run, or two runs are judged by different rows.
        """
        richest: tuple[int, MultiTaskModel, Dataset] | None = None
        first: tuple[Path, tuple[np.ndarray, ...]] | None = None
        for folder in run_folders(self.folders):
            run = load_run(folder, self.plugins, self.trust)
            experiment = load_experiment(run, self.plugins, self.trust)
            model, data = run.load_model(), experiment.dataset.load()
            rows = _rows(data, self.split)
            if first is None:
                first = folder, rows
            elif not all(map(np.array_equal, rows, first[1])):
                raise RunError(
                    f"{folder} and {first[0]} have other {self.split} rows than each other.",
                    "Runs of one data set and one split.",
                    "Compare them in commands of their own.",
                )
            name = folder.name.removesuffix(f"-{experiment.seed}")
            # What a training took is not written down.
            trained = Trained(model, data, {}, float("nan"), 0, {})
            yield judge(name, experiment.seed, trained, self.split)
            num_tasks = sum(task.loss_weight > 0 for task in model.tasks.values())
            if richest is None or num_tasks > richest[0]:
                richest = num_tasks, model, data
        if self.with_baselines and richest is not None:
            yield from judge_baselines(*richest[1:], self.split)


def run_folders(folders: Sequence[Path]) -> list[Path]:
    """Returns the folders that are runs, and the runs inside the others.

    Raises:
        RunError: A folder is no run and holds none.
    """
    found: list[Path] = []
    for folder in folders:
        inside = sorted(each.parent for each in folder.glob("*/run.json"))
        if (folder / "run.json").exists():
            inside = [folder]
        if not inside:
            raise RunError(
                f"{folder} is no run, and no folder in it is one.",
                "The folder of a finished run, or one that holds such folders.",
                "Correct the path.",
            )
        found += inside
    return found


def _rows(data: Dataset, split: str) -> tuple[np.ndarray, ...]:
    """Returns the queries and candidates of a split, as strings."""
    columns = data.encoded_split(split)
    keys = data.schema.query_key, data.schema.candidate_key
    return tuple(data.vocabularies[key].values(columns[key]) for key in keys)
