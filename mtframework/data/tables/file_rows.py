"""What a reader gives: the rows that it could tell apart, and those that it could not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mtframework.errors import DataError, did_you_mean, quoted_list


@dataclass(frozen=True)
class BadRow:
    """One row that is left out.

    Args:
        number: Its number in the file.
        reason: Why it is left out.
        raw: The row as it stands in the file.
    """

    number: int
    reason: str
    raw: Any


@dataclass(frozen=True)
class FileRows:
    """The rows of one file.

    Args:
        path: The file.
        table: The columns asked for, as the file has them.
        numbers: Where each row of the table stands in the file, from 1: [num_rows].
        numbered: What `numbers` count: `"line"` or `"row"`.
        raw: Returns a row of the table, by position, as it stands in the file.
        bad: The rows that could not be read.
    """

    path: Path
    table: pa.Table
    numbers: np.ndarray
    numbered: str
    raw: Callable[[int], Any]
    bad: list[BadRow] = field(default_factory=list)


def check_names(
    path: Path,
    names: Iterable[str],
    found: Iterable[str],
    fix: str = "Correct Tables.columns, or rename the column in the file.",
) -> None:
    """Raises one `DataError` for all columns that a file lacks, or has twice."""
    names, found = list(names), list(found)
    missing = [name for name in names if name not in found]
    if missing:
        near = "".join(did_you_mean(name, found) for name in missing)
        raise DataError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {quoted_list(missing)}.{near}",
            f"Columns of {quoted_list(found)}.",
            fix,
        )
    twice = [name for name in names if found.count(name) > 1]
    if twice:
        raise DataError(
            f"{path} has the column {quoted_list(twice)} twice.",
            "Each column once.",
            "Rename or remove one of them in the file.",
        )


def unreadable(path: Path, error: object) -> DataError:
    """Returns the error for a file that cannot be read at all, or is cut off or damaged."""
    reason = " ".join(str(error).split()).rstrip(".")[:300]
    return DataError(
        f"{path} cannot be read: {reason}.",
        "A complete, undamaged file that can be read.",
        "Copy or write the file again, or leave it out.",
    )
