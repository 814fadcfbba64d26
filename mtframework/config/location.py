"""Where a statement of an experiment stands."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Location:
    """A file and a line of it, or a binding of the command line.

    Args:
        source: The file's path as a user finds it from the working directory, or `--set`.
        line: The line, from 1; 0 stands for the source as a whole.
    """

    source: str
    line: int = 0

    def at(self, line: int) -> "Location":
        """Returns another line of the same source; this one where the line is 0, unknown."""
        return Location(self.source, line or self.line)

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


def shown_path(path: Path) -> str:
    """Returns a path relative to the working directory where it lies below it, else absolute."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else relative
