"""Results on standard output and in files."""

import json
import re
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtframework.files import write_whole

WIDTH_OF_A_PIPE = 160
"""Columns where no terminal says how many it has."""


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class PlainConsole(Console):
    """Prints texts as they are, and characters that command a terminal as their codes."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


def visible(text: str) -> str:
    """Returns a text in which characters that a terminal obeys stand as their codes.

    >>> visible("a title\\x1b]0;mine\\x07")
    'a title\\\\x1b]0;mine\\\\x07'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def console() -> Console:
    """Returns a console on standard output that prints texts as they are."""
    detected = PlainConsole(markup=False, highlight=False)
    if not detected.is_terminal:
        detected.width = WIDTH_OF_A_PIPE
    return detected


def heading(console: Console, text: str) -> None:
    """Prints the line above a table, which rich's own title would fold to the table's width."""
    console.print(f"\n{text}", style="bold", soft_wrap=True)


def table(*columns: str, numbers_from: int = 1) -> Table:
    """Returns an empty table; the columns from `numbers_from` on are numbers."""
    empty = Table()
    for position, column in enumerate(columns):
        empty.add_column(column, justify="right" if position >= numbers_from else "left")
    return empty


def number(value: float | None) -> str:
    """Returns a metric as a table shows it; an en dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def write_json(path: Path | None, result: Any) -> None:
    """Writes a result as JSON, whole or not at all; does nothing without a path.

    Raises:
        RunError: The file cannot be written.
    """
    if path is not None:
        write_whole(path, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
