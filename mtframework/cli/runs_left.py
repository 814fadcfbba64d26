"""How far a command has come that trains many times."""

import contextlib
import statistics
import time
from collections.abc import Iterator

from mtframework.cli.errors import console


class RunsLeft:
    """Says before each run which of how many it is, and about how long the rest will take.

    Args:
        total: How many runs there will be; a single one needs no line.
        word: What to call a run.
        begun: How many of them are over already.
    """

    def __init__(self, total: int, word: str = "run", begun: int = 0):
        self.total = total
        self.word = word
        self.begun = begun
        self.seconds: list[float] = []

    @contextlib.contextmanager
    def run(self, what: str) -> Iterator[None]:
        """Announces a run and measures how long it takes."""
        self._say(what)
        began = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - began)

    def skip(self, what: str) -> None:
        """Announces a run whose result was kept."""
        self._say(f"{what}, kept from before")

    def _say(self, what: str) -> None:
        self.begun += 1
        left = ""
        if self.seconds:
            runs_left = self.total - self.begun + 1
            left = f"; about {duration(statistics.mean(self.seconds) * runs_left)} left"
        if self.total > 1:
            console().print(f"{self.word} {self.begun} of {self.total}: {what}{left}")


def duration(seconds: float) -> str:
    """Returns a time as one says it.

    >>> duration(42.3), duration(130), duration(4000)
    ('42 s', '2 min', '1 h 7 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
