"""The table of `mtframework compare`."""

import re
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from mtframework.cli import output

if TYPE_CHECKING:
    from mtframework.evaluation.compare import Comparison

_SECONDS = "training seconds"
_TOP_K = re.compile(r"top_\d+")


def comparison_table(results: Sequence["Comparison"], all_metrics: bool = False) -> Table:
    """Returns one row an experiment: its metrics, their means and spreads over seeds, seconds.

    All metrics are too many for columns: then there is one column an experiment.

    Args:
        results: What each experiment reached with each seed.
        all_metrics: Whether to show every metric. Otherwise, of a task that is found in top-k
            lists, the accuracies over the whole catalogue, and of another task its first metric.
    """
    metrics = _columns(results, all_metrics)
    names = list(dict.fromkeys(result.experiment for result in results))
    cells = {name: _cells(results, name, metrics) for name in names}
    if all_metrics:  # more than fit side by side
        table = output.table("metric", *names)
        for position, metric in enumerate([*metrics, _SECONDS]):
            table.add_row(metric, *(cells[name][position] for name in names))
    else:
        headings = [metric.replace("/", "\n", 1) for metric in metrics]
        table = output.table("experiment", *headings, _SECONDS.replace(" ", "\n"))
        for name in names:
            table.add_row(name, *cells[name])
    seeds = max(sum(result.experiment == name for result in results) for name in names)
    if seeds > 1:
        table.caption = f"Mean ± standard deviation of {seeds} seeds."
    return table


def _cells(results: Sequence["Comparison"], name: str, metrics: Sequence[str]) -> list[str]:
    of_experiment = [result for result in results if result.experiment == name]
    values = [
        _over_seeds([each.metrics[metric] for each in of_experiment if metric in each.metrics])
        for metric in metrics
    ]
    return [*values, f"{statistics.mean(each.fit_seconds for each in of_experiment):.1f}"]


def _columns(results: Sequence["Comparison"], all_metrics: bool) -> list[str]:
    names = list(dict.fromkeys(name for result in results for name in result.metrics))
    tasks = dict.fromkeys(name.split("/")[0] for name in names)
    # A task's columns stand together, even where the first experiment lacks the task.
    by_task = {task: [name for name in names if name.split("/")[0] == task] for task in tasks}
    if all_metrics:
        return [name for of_task in by_task.values() for name in of_task]
    columns = []
    for of_task in by_task.values():
        in_lists = [name for name in of_task if _TOP_K.fullmatch(name.split("/", 1)[1])]
        columns += in_lists or of_task[:1]
    return columns


def _over_seeds(values: Sequence[float]) -> str:
    if not values:
        return output.number(None)
    mean = output.number(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} ±{statistics.stdev(values):.3f}"
