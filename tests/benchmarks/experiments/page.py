"""Intervals, plots and docs/experiments.md, of which each experiment writes its own section."""

import json
import math
import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import stats  # comes with JAX, on which the experiments run

DOCS = Path(__file__).parents[3] / "docs"
PAGE, FOLDER = DOCS / "experiments.md", DOCS / "experiments"
HEAD = """# Experiments with known truth

Written by the scripts in `tests/benchmarks/experiments/`, which say how to repeat them. Intervals
are 95 % t-intervals over the seeds. What came out is reported, whether or not it is what was hoped
for.
"""
COLOURS = ("#1f77b4", "#d62728", "#2ca02c")


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean and half the width of its 95 % t-interval."""
    numbers = np.asarray(values, "float64")
    if len(numbers) < 2:
        return float(numbers.mean()), math.inf
    error = numbers.std(ddof=1) / math.sqrt(len(numbers))
    return float(numbers.mean()), float(stats.t.ppf(0.975, len(numbers) - 1) * error)


def pretty(values: Sequence[float], digits: int = 4, sign: bool = False) -> str:
    mean, half = interval(values)
    return f"{mean:{'+' if sign else ''}.{digits}f} ± {half:.{digits}f}"


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
    width, height, left, bottom, top = 560, 340, 70, 50, 40
    points = {
        label: {x: interval(values) for x, values in each.items()} for label, each in series.items()
    }
    all_x = sorted({x for each in points.values() for x in each})
    lows, highs = zip(
        *((m - h, m + h) for each in points.values() for m, h in each.values()), strict=True
    )
    y_low, y_high = min(0.0, *lows), max(highs) * 1.05

    def across(x: float) -> float:
        span = all_x[-1] - all_x[0] or 1.0
        return left + 30 + (x - all_x[0]) / span * (width - left - 60)

    def up(y: float) -> float:
        return height - bottom - (y - y_low) / (y_high - y_low) * (height - bottom - top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{(left + width) / 2}" y="{height - 12}" text-anchor="middle">{x_title}</text>',
        f'<text transform="translate(16 {height / 2}) rotate(-90)" text-anchor="middle">'
        f"{y_title}</text>",
    ]
    for tick in np.linspace(y_low, y_high, 5):
        parts += [
            f'<line x1="{left}" x2="{width - 10}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" '
            'stroke="#ddd"/>',
            f'<text x="{left - 6}" y="{up(tick) + 4:.1f}" text-anchor="end">{tick:.3g}</text>',
        ]
    for x in all_x:
        parts.append(
            f'<text x="{across(x):.1f}" y="{height - bottom + 18}" text-anchor="middle">{x:g}'
            "</text>"
        )
    for number, (label, each) in enumerate(points.items()):
        colour, aside = COLOURS[number], 5 * (number - (len(points) - 1) / 2)
        dots = [(across(x) + aside, *each[x]) for x in sorted(each)]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" points="'
            + " ".join(f"{x:.1f},{up(mean):.1f}" for x, mean, _ in dots)
            + '"/>'
        )
        for x, mean, half in dots:
            parts += [
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{up(mean - half):.1f}" '
                f'y2="{up(mean + half):.1f}" stroke="{colour}" stroke-width="2"/>',
                f'<circle cx="{x:.1f}" cy="{up(mean):.1f}" r="3.5" fill="{colour}"/>',
            ]
        parts += [
            f'<rect x="{left + 10 + 165 * number}" y="12" width="12" height="12" fill="{colour}"/>',
            f'<text x="{left + 27 + 165 * number}" y="22">{label}</text>',
        ]
    FOLDER.mkdir(parents=True, exist_ok=True)
    replace(FOLDER / f"{name}.svg", "\n".join([*parts, "</svg>"]) + "\n")
    return f"![{y_title} over {x_title}](experiments/{name}.svg)"


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("keras", "jax", "numpy"))
    return f"Python {platform.python_version()}, {packages}, {os.cpu_count()} cores."


def replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)
