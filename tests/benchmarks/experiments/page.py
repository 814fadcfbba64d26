"""Intervals, plots and docs/experiments.md, of which each experiment writes its own section."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from mtframework.evaluation.interval import mean_interval
from mtframework.evaluation.plots import Point, Series, plot_series

DOCS = Path(__file__).parents[3] / "docs"
PAGE, FOLDER = DOCS / "experiments.md", DOCS / "experiments"
HEAD = """# Experiments with known truth

Written by the scripts in `tests/benchmarks/experiments/`, which say how to repeat them. Intervals
are 95 % t-intervals over the seeds. Results are reported whether or not they are what was hoped
for.
"""


def pretty(values: Sequence[float], digits: int = 4, sign: bool = False) -> str:
    found = mean_interval(values)
    return f"{found.mean:{'+' if sign else ''}.{digits}f} ± {found.half_width:.{digits}f}"


def write_section(name: str, title: str, lines: Sequence[str], results: object) -> None:
    """Puts an experiment's section on the page, in place of its last one, and keeps its numbers."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    replace(FOLDER / f"{name}.json", json.dumps(results, indent=1) + "\n")
    page = PAGE.read_text("utf-8") if PAGE.exists() else HEAD
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = "\n".join([begin, f"## {title}", "", *lines, "", machine(), end])
    if begin in page:
        page = re.sub(f"{begin}.*?{end}", lambda _: section, page, flags=re.DOTALL)
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    replace(PAGE, page)


def write_plot(
    name: str,
    series: Mapping[str, Mapping[float, Sequence[float]]],
    x_title: str,
    y_title: str,
) -> str:
    """Draws each series' means with intervals over x; returns the Markdown that shows it."""
    drawn = []
    for label, each in series.items():
        found = {x: mean_interval(values) for x, values in sorted(each.items())}
        points = [Point(x, at.mean, at.half_width) for x, at in found.items()]
        drawn.append(Series(label, points))
    svg = plot_series("", drawn, x_title, y_title)
    FOLDER.mkdir(parents=True, exist_ok=True)
    replace(FOLDER / f"{name}.svg", svg + "\n")
    return f"![{y_title} over {x_title}](experiments/{name}.svg)"


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("keras", "jax", "numpy"))
    return f"Python {platform.python_version()}, {packages}, {os.cpu_count()} cores."


def replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)
