"""Columns of raw values to columns of ids and numbers."""

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np

from mtframework.errors import DataError
from mtframework.schema.classes import texts_of
from mtframework.schema.multi_valued import ids_of_lists
from mtframework.schema.schema import Schema
from mtframework.schema.vectors import as_vectors
from mtframework.schema.vocabulary import Vocabulary


def encode_columns(
    columns: Mapping[str, np.ndarray], schema: Schema, vocabularies: Mapping[str, Vocabulary]
) -> dict[str, np.ndarray]:
    """Returns `columns` as ids (int32) and numbers (float32); the rest is left out.

    Several categories a row become `[num_rows, width]` ids, vectors `[num_rows, size]` numbers. A
    categorical label has the id 0 where it is missing. A timestamp becomes whole seconds, int32:
    float32 would round the seconds of this century to two minutes.

    Raises:
        DataError: A column's values are not of its kind, or a feature is not finite.
    """
    encoded = {}
    for column in schema:
        if column.name not in columns:
            continue
        values = columns[column.name]
        if column.kind == "categorical":
            check_one_value_a_row(column.name, values)
            with naming(column.name):
                values = texts_of(values) if column.role == "label" else values
                encoded[column.name] = vocabularies[column.name].ids(values)
        elif column.kind == "multi_categorical":
            with naming(column.name):
                encoded[column.name] = ids_of_lists(values, vocabularies[column.name])
        elif column.kind == "vector":
            encoded[column.name] = as_vectors(column.name, values, column.size or 0)
        elif column.role == "timestamp":
            encoded[column.name] = as_seconds(column.name, values)
        else:
            numbers = as_numbers(column.name, values).astype("float32")
            if column.is_feature:
                check_finite(column.name, numbers)
            encoded[column.name] = numbers
    return encoded


def check_one_value_a_row(name: str, values) -> None:
    """Raises a `DataError` where a categorical column has more than one dimension."""
    if getattr(values, "ndim", 1) != 1:
        raise DataError(
            f'The categorical column "{name}" has the shape {tuple(values.shape)}.',
            "[num_rows]: one value a row.",
            "Of [num_rows, 1] take [:, 0]; declare a column of several values multi_categorical.",
        )


@contextlib.contextmanager
def naming(column: str) -> Iterator[None]:
    """Lets an error that a vocabulary raises name the column, which a vocabulary does not know."""
    try:
        yield
    except DataError as error:
        found = error.found.replace("A categorical column", f'The categorical column "{column}"')
        raise DataError(found, error.expected, error.fix) from error


def as_numbers(name: str, values) -> np.ndarray:
    """Returns a numeric column as an array of numbers, and says what is none."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(
            f'The numeric column "{name}" has the shape {array.shape}.',
            "[num_rows]: one number a row.",
            'Declare a column of vectors "vector", with its size; of [num_rows, 1] take [:, 0].',
        )
    if array.dtype.kind in "fiub":
        return array
    for each in array.ravel().tolist():
        if each is not None and not isinstance(each, (int, float, np.number)):
            raise DataError(
                f'The numeric column "{name}" holds {each!r}, of type {type(each).__name__}.',
                "Numbers, NaN where missing.",
                "Turn the values into numbers, or declare the column categorical.",
            )
    return array.astype("float64")


def as_seconds(name: str, values, of: str = "") -> np.ndarray:
    """Returns timestamps as whole seconds since 1970, int32, and says what is none."""
    array = np.asarray(values)
    if array.dtype.kind == "M":
        array = np.where(np.isnat(array), np.nan, array.astype("datetime64[s]").astype("float64"))
    seconds = np.floor(as_numbers(name, array).astype("float64"))
    bad = np.flatnonzero(~(np.abs(seconds) < 2**31))
    if bad.size:
        raise DataError(
            f'The timestamp "{name}" is {seconds[bad[0]]:.15g} in row {bad[0]}{of}.',
            "Seconds since 1970, before 2038, in every row.",
            "Fill missing timestamps, divide milliseconds by 1000, or take the column out of the "
            "schema.",
        )
    return seconds.astype("int32")


def check_finite(name: str, values: np.ndarray, of: str = "") -> None:
    """Raises a `DataError` where a feature, [num_rows], holds NaN or an infinity."""
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f'The feature "{name}" is {values[bad[0]]} in row {bad[0]}{of}, '
            f"and not finite in {bad.size} of {len(values)}.",
            "A finite number in every row.",
            "Fill the missing numbers, or leave the rows out.",
        )
