"""The results of a comparison, put together: means, intervals and differences."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mtframework.errors import ExperimentError, did_you_mean, quoted_list
from mtframework.evaluation.compare import Comparison
from mtframework.evaluation.difference import Difference, paired_differences
from mtframework.evaluation.interval import Interval, mean_interval

_TOP_K = re.compile(r"top_\d+")


@dataclass(frozen=True)
class Evidence:
    """What several experiments reached, with how many seeds, and who is better.

    Args:
        results: One a run, and one a baseline.
        metrics: The metrics to show.
        differences: Against each baseline experiment.
    """

    results: Sequence[Comparison]
    metrics: Sequence[str]
    differences: Sequence[Difference] = ()

    @property
    def names(self) -> list[str]:
        """The experiments and baselines, in order."""
        return list(dict.fromkeys(result.experiment for result in self.results))

    @property
    def num_seeds(self) -> int:
        """The most seeds that an experiment has."""
        return max(len(self.of(name)) for name in self.names)

    def of(self, name: str) -> list[Comparison]:
        """Returns the runs of one experiment."""
        return [result for result in self.results if result.experiment == name]

    def mean(self, name: str, metric: str) -> Interval | None:
        """Returns an experiment's mean over seeds; None where it has no such metric."""
        values = [each.metrics[metric] for each in self.of(name) if metric in each.metrics]
        return mean_interval(values) if values else None

    def seconds(self, name: str) -> float:
        """Returns how long an experiment trained, on average."""
        return mean_interval([each.fit_seconds for each in self.of(name)]).mean

    def as_json(self) -> dict[str, Any]:
        """Returns everything as what JSON can hold."""
        means = {
            name: {
                metric: asdict(found)
                for metric in every_metric(self.results)
                if (found := self.mean(name, metric)) is not None
            }
            for name in self.names
        }
        differences = [
            {**asdict(each), "sentence": each.sentence(), "negative": each.is_negative_transfer}
            for each in self.differences
        ]
        return _without_nan(
            {
                "runs": [asdict(result) for result in self.results],
                "means": means,
                "differences": differences,
            }
        )


def evidence_of(
    results: Sequence[Comparison], baselines: Sequence[str] = (), metrics: Sequence[str] = ()
) -> Evidence:
    """Puts results together.

    Args:
        results: One a run, and one a baseline.
        baselines: The experiments to compare each other one with.
        metrics: The metrics to show; left out, the main ones.

    Raises:
        ExperimentError: There is no such experiment or metric.
    """
    known = every_metric(results)
    for metric in metrics:
        if metric not in known:
            raise ExperimentError(
                f'No experiment has the metric "{metric}".{did_you_mean(metric, known)}',
                f"One of {quoted_list(known)}.",
                "Correct the name, or leave it out.",
            )
    shown = list(metrics) or main_metrics(results)
    differences = [
        difference
        for baseline in baselines
        for difference in paired_differences(results, baseline, shown)
    ]
    return Evidence(results, shown, differences)


def every_metric(results: Sequence[Comparison]) -> list[str]:
    """Returns all metrics; those of one task stand together, even where the first lacks the task.

    >>> one = Comparison("one", 0, {"a/x": 1.0, "b/x": 1.0}, 1.0, 1.0)
    >>> every_metric([one, Comparison("two", 0, {"a/y": 1.0}, 1.0, 1.0)])
    ['a/x', 'a/y', 'b/x']
    """
    names = list(dict.fromkeys(name for result in results for name in result.metrics))
    tasks = list(dict.fromkeys(name.split("/")[0] for name in names))
    return sorted(names, key=lambda name: tasks.index(name.split("/")[0]))


def main_metrics(results: Sequence[Comparison]) -> list[str]:
    """Returns, of a task found in top-k lists, the accuracies; of another its first metric."""
    metrics = every_metric(results)
    chosen = []
    for task in dict.fromkeys(name.split("/")[0] for name in metrics):
        of_task = [name for name in metrics if name.split("/")[0] == task]
        in_lists = [name for name in of_task if _TOP_K.fullmatch(name.split("/", 1)[1])]
        chosen += in_lists or of_task[:1]
    return chosen


def _without_nan(value: Any) -> Any:
    """Returns a value with None for every NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and value != value else value
