"""The tables of `mtframework compare`."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mtframework.cli import output

if TYPE_CHECKING:
    from mtframework.evaluation.evidence import Evidence

_SECONDS = "training seconds"


def comparison_table(evidence: "Evidence", in_rows: bool = False) -> Table:
    """Returns one row an experiment: its metrics, their means and intervals over seeds, seconds.

    Args:
        evidence: What each experiment reached with each seed, and which metrics to show.
        in_rows: Whether each metric is a row and each experiment a column, for many metrics.
    """
    names, metrics = evidence.names, evidence.metrics
    cells = {name: _cells(evidence, name) for name in names}
    if in_rows:
        table = output.table("metric", *names)
        for position, metric in enumerate([*metrics, _SECONDS]):
            table.add_row(metric, *(cells[name][position] for name in names))
    else:
        headings = [metric.replace("/", "\n", 1) for metric in metrics]
        table = output.table("experiment", *headings, _SECONDS.replace(" ", "\n"))
        for name in names:
            table.add_row(name, *cells[name])
    if evidence.num_seeds > 1:
        table.caption = (
            f"Mean of {evidence.num_seeds} seeds ± half the width of its 95 % t-interval."
        )
    return table


def print_differences(console: Console, evidence: "Evidence") -> None:
    """Prints what each experiment gains or loses against each baseline, in a table and in words."""
    for baseline in dict.fromkeys(each.baseline for each in evidence.differences):
        differences = [each for each in evidence.differences if each.baseline == baseline]
        table = output.table("experiment", "metric", "difference", "95 % interval", numbers_from=2)
        for each in differences:
            interval = each.interval
            bounds = f"[{interval.low:+.4f}, {interval.high:+.4f}]" if interval.count > 1 else "–"
            table.add_row(each.experiment, each.metric, f"{interval.mean:+.4f}", bounds)
        output.heading(console, f"against {baseline}, seed by seed")
        console.print(table)
        for each in differences:
            flag = "negative transfer: " if each.is_negative_transfer else ""
            style = "yellow" if each.is_loss else None
            console.print(f"{each.experiment}: {flag}{each.sentence()}", style=style)


def _cells(evidence: "Evidence", name: str) -> list[str]:
    cells = []
    for metric in evidence.metrics:
        interval = evidence.mean(name, metric)
        text = output.number(interval and interval.mean)
        if interval is not None and interval.count > 1:
            text = f"{text} ±{interval.half_width:.3f}"
        cells.append(text)
    seconds = evidence.seconds(name)
    return [*cells, f"{seconds:.1f}" if seconds == seconds else "–"]
