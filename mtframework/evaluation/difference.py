"""What an experiment gains or loses against another one, seed by seed."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtframework.errors import ExperimentError, did_you_mean, quoted_list
from mtframework.evaluation.compare import Comparison
from mtframework.evaluation.interval import Interval, mean_interval

_ACRONYMS = ("auc", "mae", "mrr", "mse", "rmse")


@dataclass(frozen=True)
class Difference:
    """One metric of an experiment minus the same of its baseline.

    Args:
        experiment: The experiment's name.
        baseline: The name of what it is compared with.
        metric: `{task}/{metric}`.
        interval: The mean of the differences of equal seeds, and its paired 95 % interval.
        higher_is_better: Whether more of the metric is better.
        added_tasks: The tasks that it has beside all those of the baseline; empty where it lacks
            one of them.
    """

    experiment: str
    baseline: str
    metric: str
    interval: Interval
    higher_is_better: bool
    added_tasks: tuple[str, ...] = ()

    @property
    def gain(self) -> float:
        """How much better the experiment is, in the metric's unit; negative where it is worse."""
        return self.interval.mean if self.higher_is_better else -self.interval.mean

    @property
    def is_loss(self) -> bool:
        """Whether the experiment is worse, with an interval that excludes zero."""
        return self.gain < 0 and self.interval.excludes_zero

    @property
    def is_negative_transfer(self) -> bool:
        """Whether tasks that were added made another one worse."""
        return self.is_loss and bool(self.added_tasks)

    def sentence(self) -> str:
        """Returns the difference in words.

        >>> interval = Interval(0.004, 0.003, count=5)
        >>> Difference("joint", "alone", "rating/rmse", interval, False, ("watch",)).sentence()
        'adding watch costs rating 0.0040 RMSE [0.0010, 0.0070]'
        """
        task, metric = self.metric.split("/", 1)
        metric = metric.upper() if metric in _ACRONYMS else metric
        who = f"adding {' and '.join(self.added_tasks)}" if self.added_tasks else self.experiment
        than = "" if self.added_tasks else f" against {self.baseline}"
        sign = 1 if self.interval.mean > 0 else -1
        low, high = sorted((sign * self.interval.low, sign * self.interval.high))
        verb = "gains" if self.gain > 0 else "costs"
        amount = f"{task} {abs(self.interval.mean):.4f} {metric}"
        if self.interval.count < 2:
            return f"{who} {verb} {amount}{than}, by one seed, which gives no interval"
        if self.interval.mean == 0 == self.interval.half_width:
            return f"{who} leaves {task} {metric} unchanged{than}"
        if self.interval.excludes_zero:
            return f"{who} {verb} {amount} [{low:.4f}, {high:.4f}]{than}"
        return (
            f"{who} shows no change of {task} {metric}{than}: {self.interval.mean:+.4f} "
            f"[{self.interval.low:.4f}, {self.interval.high:.4f}]"
        )


def paired_differences(
    results: Sequence[Comparison], baseline: str, metrics: Sequence[str]
) -> list[Difference]:
    """Returns what every other experiment gains or loses against one of them.

    Only seeds that both were trained with count, and only metrics of tasks that both learned.

    Args:
        results: What each experiment reached with each seed.
        baseline: The name of the experiment to compare with.
        metrics: Which metrics.

    Raises:
        ExperimentError: No experiment has that name.
    """
    names = list(dict.fromkeys(each.experiment for each in results if each.seed is not None))
    check_baseline(baseline, names)
    runs = {name: {r.seed: r for r in results if r.experiment == name} for name in names}
    differences = []
    for name in names:
        seeds = [seed for seed in runs[name] if seed in runs[baseline]]
        if name == baseline or not seeds:
            continue
        tasks, of_baseline = runs[name][seeds[0]].tasks, runs[baseline][seeds[0]].tasks
        added = [task for task in tasks if task not in of_baseline]
        is_superset = set(of_baseline) <= set(tasks)
        for metric in metrics:
            pairs = [(runs[name][seed].metrics, runs[baseline][seed].metrics) for seed in seeds]
            learned = metric.split("/")[0] in set(tasks) & set(of_baseline)
            values = [one[metric] - two[metric] for one, two in pairs if metric in one.keys() & two]
            if learned and values:
                differences.append(
                    Difference(
                        name,
                        baseline,
                        metric,
                        mean_interval(values),
                        metric not in runs[name][seeds[0]].lower_is_better,
                        tuple(added) if is_superset else (),
                    )
                )
    return differences


def check_baseline(baseline: str, names: Sequence[str]) -> None:
    """Raises an `ExperimentError` where no experiment has the name of the baseline."""
    if baseline not in names:
        raise ExperimentError(
            f'There is no experiment "{baseline}" to compare with.{did_you_mean(baseline, names)}',
            f"One of {quoted_list(names)}.",
            "Correct the name; it is the file's, without the ending.",
        )
