"""The rows that are left out: counted by reason, and written to a file."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mtframework.data.tables.file_rows import BadRow, FileRows
from mtframework.errors import DataError
from mtframework.files import written_whole

_NUM_REASONS_TOLD = 6


class Rejects:
    """How many rows of one table were read, and which of them are left out.

    Args:
        table: What to call the table in messages.

    Example:

    >>> rejects = Rejects("log.csv")
    >>> rejects.num_read = 1000
    >>> rejects.add(Path("log.csv"), "line", BadRow(7, '"stars" is not a number', "ann,Emma,many"))
    >>> rejects.summary()
    'log.csv: 1,000 rows read, 999 accepted, 1 rejected: "stars" is not a number (1).'
    """

    def __init__(self, table: str):
        self.table = table
        self.num_read = 0
        self.counts: Counter[str] = Counter()
        self.lines: list[dict] = []
        self.num_normalized: Counter[str] = Counter()

    def add_file(self, rows: FileRows) -> None:
        """Counts what was read of a file, and takes its bad rows."""
        self.num_read += rows.table.num_rows + len(rows.bad)
        for bad in rows.bad:
            self.add(rows.path, rows.numbered, bad)

    def add(self, path: Path, numbered: str, bad: BadRow) -> None:
        """Takes one bad row."""
        self.counts[bad.reason] += 1
        self.lines.append(
            {"file": str(path), numbered: bad.number, "reason": bad.reason, "raw": bad.raw}
        )

    @property
    def num_rejected(self) -> int:
        """How many rows are left out."""
        return self.counts.total()

    def summary(self) -> str:
        """Returns one sentence: read, accepted, rejected and why."""
        text = (
            f"{self.table}: {self.num_read:,} rows read, "
            f"{self.num_read - self.num_rejected:,} accepted, {self.num_rejected:,} rejected"
        )
        reasons = self.counts.most_common()
        told = [f"{reason} ({count:,})" for reason, count in reasons[:_NUM_REASONS_TOLD]]
        if len(reasons) > _NUM_REASONS_TOLD:
            told.append(f"{len(reasons) - _NUM_REASONS_TOLD} other reasons")
        return f"{text}: {', '.join(told)}." if told else f"{text}."

    def changes(self) -> list[str]:
        """Returns a sentence for each key column whose ids were written in several ways."""
        return [
            f'{self.table}: {count:,} rows have a "{name}" with white space around it, or not in '
            "Unicode NFC. It is read without the space, in NFC."
            for name, count in self.num_normalized.items()
            if count
        ]

    def check(self, max_share: float, written: str) -> None:
        """Raises a `DataError` where more than `max_share` of the rows are left out."""
        if self.num_rejected > max_share * self.num_read:
            raise DataError(
                self.summary(),
                f"At most {max_share:.4g} of the rows rejected (Tables.max_rejected).",
                f"Read {written}, and correct the file or Tables.columns; raise "
                "Tables.max_rejected if the rows may be left out.",
            )
        if not self.num_read:
            raise DataError(
                f"{self.table} holds no rows.", "At least one row.", "Check the path and the file."
            )


def write_rejects(path: Path, rejects: Iterable[Rejects]) -> None:
    """Writes all rejected rows as JSON lines, whole or not at all.

    Nothing is written where no row was rejected, except over an older file, which would mislead.

    Raises:
        DataError: The file cannot be written.
    """
    lines = [line for each in rejects for line in each.lines]
    if not lines and not path.exists():
        return
    try:
        # A lone surrogate becomes \ud800, which JSON allows and UTF-8 does not.
        with (
            written_whole(path) as partial,
            open(partial, "w", encoding="utf-8", errors="backslashreplace") as file,
        ):
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}.",
            "A file for the rejected rows that can be written.",
            "Name another file with Tables.rejects.",
        ) from error
