"""Plots as SVG texts, which a Markdown page shows and an HTML page holds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 620, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 34, 50
# Okabe and Ito's colours, which tell apart for the colour-blind too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")


@dataclass(frozen=True)
class Point:
    """A value, how sure it is, and what a reader who points at it is told."""

    x: float
    y: float
    half_width: float = 0.0
    label: str = ""


@dataclass(frozen=True)
class Series:
    """Points of one colour, joined by a line or not."""

    name: str
    points: Sequence[Point]
    is_line: bool = True


def plot_series(
    title: str, series: Sequence[Series], x_title: str, y_title: str, log_x: bool = False
) -> str:
    """Draws values over x, each with its interval.

    Args:
        title: What the plot shows.
        series: What to draw; points that are not finite are left out.
        x_title: The name of the x axis.
        y_title: The name of the y axis.
        log_x: Whether x has a logarithmic scale; its ticks are then the points' x.

    Returns:
        An `<svg>` element.

    Example:

    >>> joint = Series("joint", [Point(1, 2.0), Point(2, 1.0)])
    >>> svg = plot_series("loss", [joint], "epoch", "loss")
    >>> svg.startswith("<svg"), svg.count("<circle")
    (True, 2)
    """
    drawn = [
        Series(each.name, [point for point in each.points if _is_finite(point)], each.is_line)
        for each in series
    ]
    points = [point for each in drawn for point in each.points]
    x_values = [math.log(point.x) if log_x else point.x for point in points]
    across = _scale(x_values, _LEFT + 14, WIDTH - _RIGHT - 14)
    ends = [point.y + sign * point.half_width for point in points for sign in (-1, 1)]
    y_ticks = ticks(min(ends, default=0.0), max(ends, default=1.0))
    up = _scale(y_ticks, HEIGHT - _BOTTOM, _TOP)

    def place(x: float) -> float:
        return across(math.log(x) if log_x else x)

    parts = [*_head(title, HEIGHT), *_y_axis(y_ticks, up, y_title)]
    x_ticks = sorted({point.x for point in points}) if log_x else _whole_ticks(x_values)
    parts += [_text(place(x), HEIGHT - _BOTTOM + 18, f"{x:g}") for x in x_ticks]
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 12, x_title))
    for number, each in enumerate(drawn):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(place(point.x), up(point.y), point) for point in each.points]
        if each.is_line:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
            parts.append(f'<polyline fill="none" stroke="{colour}" points="{path}"/>')
        for x, y, point in places:
            if point.half_width:
                low, high = up(point.y - point.half_width), up(point.y + point.half_width)
                parts.append(_line(x, low, x, high, colour))
            parts.append(_dot(x, y, colour, point.label or f"{each.name}: {point.y:.4g}"))
    return "\n".join([*parts, *_legend([each.name for each in drawn]), "</svg>"])


def plot_intervals(title: str, rows: Sequence[tuple[str, Point]], x_title: str) -> str:
    """Draws one interval a row, on both sides of a line at zero.

    Args:
        title: What the plot shows.
        rows: The name of each row and its value, `Point.x`, with its interval.
        x_title: The name of the x axis.

    Returns:
        An `<svg>` element.
    """
    left, step = 250, 26
    bottom = _TOP + step * len(rows)
    ends = [0.0]
    for _, point in rows:
        half_width = point.half_width if math.isfinite(point.half_width) else 0.0
        ends += [point.x - half_width, point.x + half_width]
    x_ticks = ticks(min(ends), max(ends))
    across = _scale(x_ticks, left, WIDTH - _RIGHT - 14)
    parts = _head(title, bottom + _BOTTOM)
    for x in x_ticks:
        parts.append(_line(across(x), _TOP, across(x), bottom, "#555" if x == 0 else "#ddd", 1))
        parts.append(_text(across(x), bottom + 18, f"{x:g}"))
    parts.append(_text((left + WIDTH) / 2, bottom + 38, x_title))
    for number, (name, point) in enumerate(rows):
        y = _TOP + step * (number + 0.5)
        parts.append(_text(left - 10, y + 4, name, "end"))
        if math.isfinite(point.half_width):
            low, high = across(point.x - point.half_width), across(point.x + point.half_width)
            parts.append(_line(low, y, high, y, _COLOURS[0]))
        parts.append(_dot(across(point.x), y, _COLOURS[0], point.label or f"{point.x:+.4f}"))
    return "\n".join([*parts, "</svg>"])


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Returns round numbers, evenly spaced, that reach from below `low` to above `high`.

    >>> ticks(0.13, 0.87)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low or abs(high) or 1.0
    size = 10 ** math.floor(math.log10(span / about))
    step = next(size * factor for factor in (1, 2, 5, 10) if span / (size * factor) <= about)
    first, last = math.floor(low / step), math.ceil(high / step)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(number * step, digits) for number in range(first, max(last, first + 1) + 1)]


def _whole_ticks(values: Sequence[float]) -> list[float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return [tick for tick in ticks(low, high) if low <= tick <= high] or [low]


def _is_finite(point: Point) -> bool:
    return math.isfinite(point.x) and math.isfinite(point.y) and math.isfinite(point.half_width)


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    span = high - low
    # A single value stands in the middle.
    return lambda value: start + ((value - low) / span if span else 0.5) * (end - start)


def _head(title: str, height: float) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height:g}" fill="white"/>',
    ]


def _y_axis(y_ticks: Sequence[float], up: Callable[[float], float], title: str) -> list[str]:
    parts = []
    for tick in y_ticks:
        parts.append(_line(_LEFT, up(tick), WIDTH - _RIGHT, up(tick), "#ddd", 1))
        parts.append(_text(_LEFT - 6, up(tick) + 4, f"{tick:g}", "end"))
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text transform="translate(16 {middle:g}) rotate(-90)" text-anchor="middle">'
        f"{escape(title)}</text>"
    )
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts, x = [], float(_LEFT)
    for number, name in enumerate(names):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<rect x="{x:.0f}" y="10" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(x + 17, 20, name, "start"))
        x += 34 + 6.5 * len(name)
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: int = 2) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
    )


def _dot(x: float, y: float, colour: str, label: str) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}">'
        f"<title>{escape(label)}</title></circle>"
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
