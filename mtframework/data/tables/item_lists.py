"""Text files in which a line is somebody and the things that they took, in order."""

from pathlib import Path

import numpy as np

from mtframework.data.tables.text_lines import Lines
from mtframework.errors import DataError
from mtframework.schema.texts import text_array


def read_item_lists(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns who took what: two columns of texts, `[num_events]` each, in the order of the file.

    A line is a name and, behind it, one or more things, white space between them. The file may be
    compressed (`.gz`, `.bz2`, `.zst`).

    Raises:
        DataError: The file cannot be read or is empty, a line is a name alone or not UTF-8, or a
            name has two lines.
    """
    lines = Lines.read(path)
    owners, items, counts = [], [], []
    first_line: dict[str, int] = {}
    for place, number in enumerate(lines.numbers.tolist()):
        try:
            words = bytes(lines[place]).decode("utf-8").split()
        except UnicodeDecodeError as error:
            raise _wrong(path, number, "is not UTF-8", "Text in UTF-8.") from error
        if not words:
            continue
        if len(words) < 2:
            raise _wrong(
                path, number, f'is "{words[0]}" alone', "A name and, behind it, one thing or more."
            )
        if words[0] in first_line:
            raise _wrong(
                path,
                number,
                f'is of "{words[0]}", as line {first_line[words[0]]} is',
                "One line for each name.",
            )
        first_line[words[0]] = number
        owners.append(words[0])
        items += words[1:]
        counts.append(len(words) - 1)
    if not owners:
        raise DataError(
            f"{path} is empty.",
            "A line for each name: the name and the things it took, the latest one last.",
            "Correct the path.",
        )
    return text_array(owners, np.repeat(np.arange(len(owners)), counts)), text_array(items)


def _wrong(path: Path, number: int, found: str, expected: str) -> DataError:
    return DataError(f"Line {number} of {path} {found}.", expected, "Correct the file.")
