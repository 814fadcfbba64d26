"""The lines of a text file, one row a line, so that no row can swallow another."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from mtframework.data.tables.file_rows import BadRow, unreadable

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """Lines by their offsets into the file's bytes; empty lines are none.

    Args:
        data: The file's bytes, each line ended by a line feed.
        starts: Where each line begins: [num_lines], int64.
        ends: Where its line feed stands: [num_lines], int64.
        numbers: The number of each line in the file, from 1: [num_lines].

    Example:

    >>> lines = Lines.of(b"user,film\\r\\n\\r\\nann,Emma\\r\\n")
    >>> lines.numbers
    array([1, 3])
    >>> lines[1]
    b'ann,Emma'
    """

    def __init__(self, data: bytes, starts: np.ndarray, ends: np.ndarray, numbers: np.ndarray):
        self.data = data
        self.starts = starts
        self.ends = ends
        self.numbers = numbers

    @classmethod
    def of(cls, data: bytes, first: int = 1) -> "Lines":
        """Returns the lines of `data`, the first of which has the number `first` in its file."""
        data = data.removeprefix(_BYTE_ORDER_MARK)
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        if not data.endswith(b"\n"):
            data += b"\n"
        ends = np.flatnonzero(np.frombuffer(data, "uint8") == ord("\n"))
        starts = np.concatenate([[0], ends[:-1] + 1])
        lines = cls(data, starts, ends, np.arange(first, first + len(ends)))
        return lines.where(starts < ends)

    @classmethod
    def read(cls, path: Path, max_bytes: int | None = None) -> "Lines":
        """Returns the lines of a file, which may be compressed (.gz, .bz2, .zst).

        Args:
            path: The file.
            max_bytes: How much of it to read; of a line that is cut nothing is returned.

        Raises:
            DataError: The file cannot be read.
        """
        try:
            with pa.input_stream(str(path), compression="detect") as file:
                data = file.read(None if max_bytes is None else max_bytes + 1)
        except (OSError, pa.ArrowException) as error:
            raise unreadable(path, error) from error
        if max_bytes is not None and len(data) > max_bytes:
            data = data[: data.rfind(b"\n") + 1]
        return cls.of(data)

    def __add__(self, later: "Lines") -> "Lines":
        """Returns these lines and those that follow them in the file."""
        if not len(self):
            return later
        begin = self.starts[0]
        shift = len(self.data) - begin
        return Lines(
            self.data[begin:] + later.data,
            np.concatenate([self.starts - begin, later.starts + shift]),
            np.concatenate([self.ends - begin, later.ends + shift]),
            np.concatenate([self.numbers, later.numbers]),
        )

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, line: int) -> bytes:
        return self.data[self.starts[line] : self.ends[line]]

    def text(self, line: int) -> str:
        """Returns a line as text, whatever bytes it holds."""
        return self[line].decode("utf-8", "backslashreplace")

    def where(self, keep: np.ndarray) -> "Lines":
        """Returns the lines that a mask keeps."""
        if keep.all():
            return self
        return Lines(self.data, self.starts[keep], self.ends[keep], self.numbers[keep])

    def without(self, bad: dict[int, str]) -> tuple["Lines", list[BadRow]]:
        """Returns the other lines, and those in `bad`, {line: reason}, as bad rows."""
        keep = np.ones(len(self), bool)
        keep[list(bad)] = False
        rows = [
            BadRow(int(self.numbers[line]), reason, self.text(line)) for line, reason in bad.items()
        ]
        return self.where(keep), rows

    def joined(self) -> bytes:
        """Returns the lines as one text, each ended by a line feed."""
        lengths = self.ends - self.starts + 1
        if lengths.sum() == len(self.data):
            return self.data
        if len(self) and lengths.sum() == self.ends[-1] + 1 - self.starts[0]:
            return self.data[self.starts[0] :][: lengths.sum()]
        places = np.repeat(self.starts - np.cumsum(lengths) + lengths, lengths)
        return np.frombuffer(self.data, "uint8")[places + np.arange(len(places))].tobytes()

    def count(self, byte: bytes) -> np.ndarray:
        """Returns how often a byte stands in each line: [num_lines]."""
        if not len(self) or byte not in self.data:
            return np.zeros(len(self), "int64")
        found = np.flatnonzero(np.frombuffer(self.data, "uint8") == ord(byte))
        return np.searchsorted(found, self.ends) - np.searchsorted(found, self.starts)

    def equal_to(self, line: bytes) -> list[int]:
        """Returns the lines that are equal to one."""
        alike = np.flatnonzero(self.ends - self.starts == len(line))
        return [each for each in alike.tolist() if self[each] == line]

    def broken(self) -> list[int]:
        """Returns the lines that are no UTF-8."""
        try:
            str(self.data, "utf-8")
            return []
        except UnicodeDecodeError:
            pass
        beyond_ascii = np.flatnonzero(np.frombuffer(self.data, "uint8") > 127)
        suspects = np.unique(np.searchsorted(self.ends, beyond_ascii))
        return [line for line in suspects.tolist() if line < len(self) and not self._is_text(line)]

    def _is_text(self, line: int) -> bool:
        try:
            str(self[line], "utf-8")
        except UnicodeDecodeError:
            return False
        return True
