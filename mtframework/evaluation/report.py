"""A comparison as a Markdown page, a self-contained HTML page and JSON."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from mtframework.evaluation.difference import Difference
from mtframework.evaluation.evidence import Evidence
from mtframework.evaluation.interval import Interval, mean_interval
from mtframework.evaluation.plots import Point, Series, plot_intervals, plot_series
from mtframework.files import write_whole

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: white; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: 0.25rem 0.7rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.loss { color: #a33; font-weight: 600; }
svg { max-width: 100%; height: auto; margin: 0.5rem 0; }
"""


def write_report(folder: Path, evidence: Evidence, title: str, split: str = "test") -> None:
    """Writes `report.md`, `report.html` and `report.json` to a folder, in place of earlier ones.

    Raises:
        RunError: A file cannot be written.
    """
    result = {"title": title, "split": split, **evidence.as_json()}
    write_whole(folder / "report.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    markdown = f"# {title}\n\n{markdown_report(evidence, split)}"
    write_whole(folder / "report.md", markdown)
    write_whole(folder / "report.html", html_report(evidence, title, split))


def markdown_report(evidence: Evidence, split: str = "test") -> str:
    """Returns the tables and the sentences, without a heading."""
    lines = [_caption(evidence, split), "", *_markdown_table(*means_table(evidence))]
    for baseline, differences in _by_baseline(evidence):
        lines += ["", f"Against {baseline}, seed by seed:", ""]
        lines += _markdown_table(*_differences_table(differences))
        lines += ["", *(f"- {_sentence(each)}" for each in differences)]
    return "\n".join(lines) + "\n"


def html_report(evidence: Evidence, title: str, split: str = "test") -> str:
    """Returns one page that holds its plots and reads no other file."""
    parts = [f"<p>{escape(_caption(evidence, split))}</p>", _html_table(*means_table(evidence))]
    for baseline, differences in _by_baseline(evidence):
        parts.append(f"<h2>Against {escape(baseline)}, seed by seed</h2>")
        parts.append(_html_table(*_differences_table(differences)))
        for each in differences:
            style = ' class="loss"' if each.is_loss else ""
            parts.append(f"<p{style}>{escape(_sentence(each))}</p>")
        parts += difference_plots(differences)
    for heading, plots in (
        ("Learning curves", learning_curves(evidence)),
        ("How the tasks' gradients agree", gradient_cosines(evidence)),
    ):
        parts += [f"<h2>{heading}</h2>", *plots] if plots else []
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>'
        f"\n<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n{body}\n</html>\n"
    )


def means_table(evidence: Evidence) -> tuple[list[str], list[list[str]]]:
    """Returns a heading and one row an experiment: means, with intervals where there are seeds."""
    rows = []
    for name in evidence.names:
        means = [_cell(evidence.mean(name, metric)) for metric in evidence.metrics]
        seconds = evidence.seconds(name)
        rows.append([name, *means, f"{seconds:.1f}" if seconds == seconds else "–"])
    return ["experiment", *evidence.metrics, "training seconds"], rows


def difference_plots(differences: Sequence[Difference]) -> list[str]:
    """Returns a plot of the intervals for each metric, since metrics have different units."""
    plots = []
    for metric in dict.fromkeys(each.metric for each in differences):
        rows = [
            (each.experiment, Point(each.interval.mean, 0.0, each.interval.half_width))
            for each in differences
            if each.metric == metric
        ]
        baseline = differences[0].baseline
        plots.append(plot_intervals(f"{metric} minus {baseline}", rows, f"{metric} − {baseline}"))
    return plots


def learning_curves(evidence: Evidence) -> list[str]:
    """Returns a plot of each task's loss over epochs, of training and of validation rows."""
    tasks = dict.fromkeys(task for result in evidence.results for task in result.tasks)
    return [
        plot
        for task in tasks
        for prefix, rows in (("", "training"), ("val_", "validation"))
        for plot in _curves(evidence, f"{prefix}{task}/loss", f"{task}: {rows} loss", task)
    ]


def gradient_cosines(evidence: Evidence) -> list[str]:
    """Returns a plot over epochs for each pair of tasks whose gradients were compared."""
    names = dict.fromkeys(
        name
        for result in evidence.results
        for name in result.history
        if name.startswith("gradient_cosine/")
    )
    return [
        plot
        for name in names
        for plot in _curves(evidence, name, f"cosine of {' and '.join(name.split('/')[1:])}")
    ]


def _curves(evidence: Evidence, name: str, title: str, task: str = "") -> Iterator[str]:
    """Yields one plot of a metric over epochs, a line an experiment; none where nobody has it."""
    series = []
    for experiment in evidence.names:
        runs = [
            result.history[name]
            for result in evidence.of(experiment)
            if name in result.history and (not task or task in result.tasks)
        ]
        if runs:
            # Runs that stopped early leave the later epochs to the others.
            epochs = range(max(map(len, runs)))
            means = [mean_interval([run[e] for run in runs if e < len(run)]) for e in epochs]
            points = [Point(epoch + 1, mean.mean) for epoch, mean in enumerate(means)]
            series.append(Series(experiment, points))
    if series:
        yield plot_series(title, series, "epoch", title)


def _caption(evidence: Evidence, split: str) -> str:
    seeds = "one seed" if evidence.num_seeds == 1 else f"{evidence.num_seeds} seeds"
    intervals = "" if evidence.num_seeds == 1 else ", with 95 % t-intervals"
    return f"Judged by the {split} rows; means of {seeds}{intervals}."


def _by_baseline(evidence: Evidence) -> Iterator[tuple[str, list[Difference]]]:
    for baseline in dict.fromkeys(each.baseline for each in evidence.differences):
        yield baseline, [each for each in evidence.differences if each.baseline == baseline]


def _differences_table(differences: Sequence[Difference]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for each in differences:
        low, high = each.interval.low, each.interval.high
        bounds = f"[{low:+.4f}, {high:+.4f}]" if each.interval.count > 1 else "–"
        rows.append([each.experiment, each.metric, f"{each.interval.mean:+.4f}", bounds])
    return ["experiment", "metric", "difference", "95 % interval"], rows


def _sentence(difference: Difference) -> str:
    flag = "negative transfer: " if difference.is_negative_transfer else ""
    return f"{difference.experiment}: {flag}{difference.sentence()}."


def _cell(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{interval.mean:.3f}" + f" ± {interval.half_width:.3f}" * (interval.count > 1)


def _markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return [f"| {' | '.join(row)} |" for row in (heading, rule, *rows)]


def _html_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_html_row(heading, "th"), *(_html_row(row, "td") for row in rows)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _html_row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
