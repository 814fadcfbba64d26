"""What a sweep found: the best trials as a table, a plot and experiments."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mtframework.evaluation.plots import Point, Series, plot_series
from mtframework.files import write_whole
from mtframework.sweep.study import TrialResult
from mtframework.sweep.sweep import Sweep


def write_front(folder: Path, sweep: Sweep, results: Sequence[TrialResult]) -> None:
    """Writes `sweep.md`, `sweep.json`, `sweep.svg` and an experiment for each best trial.

    The experiments are in `front/`: an include and the trial's bindings.

    Args:
        folder: The sweep's folder.
        sweep: What was varied and sought.
        results: The trials that ended well.

    Raises:
        RunError: A file cannot be written.
    """
    best = [result for result in results if result.is_best]
    write_whole(folder / "sweep.md", _markdown(sweep, best))
    write_whole(folder / "sweep.svg", plot_front(sweep, results) + "\n")
    trials = [
        {
            **asdict(result),
            "values": dict(zip((v.key for v in sweep.variations), result.values, strict=True)),
            "objectives": dict(zip(sweep.objectives, result.objectives, strict=True)),
        }
        for result in results
    ]
    write_whole(folder / "sweep.json", json.dumps({"trials": trials}, indent=1) + "\n")
    names = {f"trial-{result.number}.gin": result for result in best}
    for stale in (folder / "front").glob("trial-*.gin"):
        if stale.name not in names:
            stale.unlink()
    for name, result in names.items():
        write_whole(folder / "front" / name, experiment_of(folder / "front", sweep, result))


def experiment_of(folder: Path, sweep: Sweep, result: TrialResult) -> str:
    """Returns the Gin text, for a file in a folder, that trains a trial again."""
    reached = ", ".join(
        f"{name} {value:.4f}"
        for name, value in zip(sweep.objectives, result.objectives, strict=True)
    )
    base = sweep.base.path
    plugins = "".join(f"# It needs --plugin {plugin}.\n" for plugin in sweep.plugins)
    lines = "\n".join([*sweep.bindings, *sweep.varied(result.values)])
    return (
        f"# Trial {result.number} of a sweep of {base.name}: {reached} on the validation rows.\n"
        f"{plugins}include '{Path(os.path.relpath(base.resolve(), folder.resolve())).as_posix()}'"
        f"\n\n{lines}\n"
    )


def front_table(sweep: Sweep, best: Sequence[TrialResult]) -> tuple[list[str], list[list[str]]]:
    """Returns a heading and one row for each trial, sorted by the first objective."""
    heading = ["trial", *(variation.key for variation in sweep.variations), *sweep.objectives]
    rows = [
        [str(result.number), *map(_short, result.values)]
        + [f"{value:.4f}" for value in result.objectives]
        for result in sorted(best, key=lambda each: each.objectives[0])
    ]
    return heading, rows


def plot_front(sweep: Sweep, results: Sequence[TrialResult]) -> str:
    """Draws the first two objectives against each other; a single one over the trials."""
    is_pair = len(sweep.objectives) > 1

    def point(result: TrialResult) -> Point:
        label = f"trial {result.number}: {', '.join(sweep.varied(result.values))}"
        first = result.objectives[0]
        if is_pair:
            return Point(first, result.objectives[1], label=label)
        return Point(result.number, first, label=label)

    best = sorted((result for result in results if result.is_best), key=lambda r: r.objectives[0])
    others = [result for result in results if not result.is_best]
    x_title, y_title = sweep.objectives[:2] if is_pair else ("trial", sweep.objectives[0])
    series = [
        # Of three objectives or more, two do not lie on a line.
        Series("best", [point(result) for result in best], len(sweep.objectives) == 2),
        Series("other trials", [point(result) for result in others], is_line=False),
    ]
    return plot_series("Trials by their metrics", series, x_title, y_title)


def _markdown(sweep: Sweep, best: Sequence[TrialResult]) -> str:
    heading, rows = front_table(sweep, best)
    table = "\n".join(f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows))
    return (
        f"# A sweep of {sweep.base.name}\n\nNo other trial is better in one of these without being "
        f"worse in another, by the validation rows.\n\n{table}\n\n"
        "![Trials by their metrics](sweep.svg)\n"
    )


def _short(value: str) -> str:
    """Returns a number with four digits; any other text as it is."""
    try:
        return value if value.lstrip("+-").isdigit() else f"{float(value):.4g}"
    except ValueError:
        return value
