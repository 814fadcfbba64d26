"""How far something has come through many rows."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Advance(Protocol):
    """What is called when rows were done."""

    def __call__(self, rows: int, share: float | None = None) -> None: ...


@contextlib.contextmanager
def row_progress(
    what: str, num_rows: int | None, tell: Callable[[str], None] | None = None
) -> Iterator[Advance]:
    """Shows rows, rate and time left on a terminal, and says them once at the end.

    Args:
        what: What is counted, such as `"rows"`.
        num_rows: How many there will be; None where nobody knows yet.
        tell: Told the sentence at the end, in place of standard error; nothing is shown then.

    Yields:
        A function to call with the number of rows that were just done, and the share of all that is
        done where nobody knows how many rows there are.
    """
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    began = time.perf_counter()
    done = 0
    total = "" if num_rows is None else f" of {num_rows:,}"
    with Progress(
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal or tell is not None,
    ) as progress:
        bar = progress.add_task(what, total=1.0 if num_rows is None else num_rows, text="")

        def advance(rows: int, share: float | None = None) -> None:
            nonlocal done
            done += rows
            rate = done / max(time.perf_counter() - began, 1e-9)
            text = f"{done:,}{total} {what}, {rate:,.0f} a second"
            progress.update(bar, completed=done if num_rows is not None else share, text=text)

        yield advance
    seconds = time.perf_counter() - began
    rate = done / max(seconds, 1e-9)
    (tell or console.print)(f"{done:,} {what} in {seconds:.1f} s, {rate:,.0f} a second")
