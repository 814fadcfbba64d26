"""Rows that are written on the command line."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.schema.schema import Schema

# A comma ends a value only where a next column follows, so that "Postino, Il (1994)" is one value.
_PLAIN_NAME = r"[A-Za-z_]\w*"


def parse_row(text: str, known: Sequence[str] = ()) -> dict[str, str]:
    """Returns the columns of `name=value,name=value`.

    Args:
        text: The row.
        known: Names of columns that may be no plain words, such as `User ID`.

    >>> parse_row("user_id=42,movie_title=Postino, Il (1994)")
    {'user_id': '42', 'movie_title': 'Postino, Il (1994)'}
    >>> parse_row("User ID=42,age=3", known=["User ID"])
    {'User ID': '42', 'age': '3'}
    """
    names = [*map(re.escape, sorted(known, key=len, reverse=True)), _PLAIN_NAME]
    starts = list(re.finditer(rf"(?:^|,)\s*({'|'.join(names)})\s*=", text))
    if not starts or starts[0].start():
        raise DataError(
            f'"{text}" is not a row.',
            "Columns as name=value, separated by commas, such as user_id=42.",
            "Correct the row.",
        )
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {
        start[1]: text[start.end() : end].strip() for start, end in zip(starts, ends, strict=True)
    }


def as_columns(
    known: Sequence[str], schema: Schema, rows: Sequence[Mapping[str, str]]
) -> dict[str, np.ndarray]:
    """Returns rows as the columns that a model reads: strings, and numbers where it has them.

    Args:
        known: The columns that the model reads.
        schema: What they are.
        rows: The rows, each with the same columns.

    Raises:
        DataError: A column is not the model's, is missing in a row, or holds no number.
    """
    for row in rows:
        for name in row:
            if name not in known:
                raise DataError(
                    f'The model reads no column "{name}".{did_you_mean(name, known)}',
                    f"Columns of {quoted_list(known)}.",
                    "Correct the name, or leave the column out.",
                )
    names = [name for name in known if any(name in row for row in rows)]
    for number, row in enumerate(rows, 1):
        for name in names:
            if name not in row:
                raise DataError(
                    f'Row {number} lacks the column "{name}", which another row has.',
                    "The same columns in every row.",
                    "Add the column.",
                )
    return {name: _column(schema, name, [row[name] for row in rows]) for name in names}


def _column(schema: Schema, name: str, values: list[str]) -> np.ndarray:
    if name not in schema or schema[name].kind != "numeric":  # histories are no columns of data
        return np.array(values)
    try:
        return np.array([float(value) for value in values])
    except ValueError as error:
        raise DataError(
            f'The numeric column "{name}" holds a text: {error}.', "A number.", "Correct the row."
        ) from error
