"""Which lines of a CSV file make one row, since a quoted value may hold line breaks."""

import re

import numpy as np

from mtframework.data.tables.file_rows import BadRow
from mtframework.data.tables.text_lines import Lines

# A quote that is open for longer was never closed.
_LONGEST = 1 << 20


class QuotedRows:
    """What a row of a CSV file may look like.

    Args:
        separator: What stands between the values.
        num_columns: How many values a row has.

    Example:

    >>> rows = QuotedRows(",", 2)
    >>> lines, bad, _ = rows.join(Lines.of(b'Emma,"a novel\\nof manners"\\nDune,"sand\\n'))
    >>> [lines[each] for each in range(len(lines))]
    [b'Emma,"a novel\\nof manners"']
    >>> [row.reason for row in bad]
    ['an unclosed quote']
    """

    def __init__(self, separator: str, num_columns: int):
        self._mark = separator.encode()
        mark = re.escape(self._mark)
        # A quote that stands within a value which does not begin with one means itself.
        inside = rb'"[^"]*(?:""[^"]*)*'
        value = rb"(?:" + inside + rb'"|(?!")[^' + mark + rb"\n]*)"
        self._row = re.compile(value + rb"(?:" + mark + value + rb")*")
        self._open = re.compile(rb"(?:" + value + mark + rb")*" + inside)
        self._value = re.compile(rb"(?:\A|" + mark + rb")" + value)
        self.num_columns = num_columns

    def is_closed(self, text: bytes) -> bool:
        """Returns whether each quote that is opened is closed where its value ends."""
        return self._row.fullmatch(text) is not None

    def join(self, lines: Lines, is_last: bool = True) -> tuple[Lines, list[BadRow], Lines]:
        """Returns the rows, those that cannot be told, and lines whose end is yet to be read.

        A quote that is opened goes on to the next line whose quotes close it, if the lines
        together have as many values as there are columns. Otherwise it is a stray one, and its
        line alone is bad. Where each of the lines could be a row by itself, nobody can tell a long
        value from two stray quotes: all of them are bad.

        Args:
            lines: Lines of the file, without its header.
            is_last: Whether the file ends with them.
        """
        odd = np.flatnonzero(lines.count(b'"') % 2).tolist()
        ends = lines.ends.copy()
        keep = np.ones(len(lines), bool)
        bad: list[BadRow] = []

        def leave_out(first: int, last: int, reason: str) -> None:
            for line in range(first, last + 1):
                keep[line] = False
                bad.append(BadRow(int(lines.numbers[line]), reason, lines.text(line)))

        place = 0
        while place < len(odd):
            first = odd[place]
            place += 1
            if self.is_closed(lines[first]):
                continue
            is_open = self._open.fullmatch(lines[first]) is not None
            may_go_on = is_open and place == len(odd) and not is_last
            if may_go_on and len(lines.data) - lines.starts[first] <= _LONGEST:
                later = np.arange(len(lines)) >= first
                done = Lines(lines.data, lines.starts, ends, lines.numbers)
                return done.where(keep & ~later), bad, lines.where(later)
            last = odd[place] if place < len(odd) else first
            if is_open and last > first and self._is_row(lines, first, last):
                place += 1
                if self._may_be_rows(lines, first, last):
                    leave_out(first, last, "an open quote that would swallow other rows")
                    continue
                ends[first] = lines.ends[last]
                keep[first + 1 : last + 1] = False
            else:
                leave_out(first, first, "an unclosed quote")
        joined = Lines(lines.data, lines.starts, ends, lines.numbers)
        return joined.where(keep), bad, lines.where(np.zeros(len(lines), bool))

    def _may_be_rows(self, lines: Lines, first: int, last: int) -> bool:
        return lines[first].count(self._mark) == self.num_columns - 1 and all(
            self._is_row(lines, each, each) for each in range(first + 1, last + 1)
        )

    def _is_row(self, lines: Lines, first: int, last: int) -> bool:
        start, end = lines.starts[first], lines.ends[last]
        if first < last and end - start > _LONGEST:
            return False
        text = lines.data[start:end]
        return self.is_closed(text) and len(self._value.findall(text)) == self.num_columns
