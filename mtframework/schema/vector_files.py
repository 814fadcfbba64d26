"""Vectors by id, as a file of another program holds them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from mtframework.errors import DataError
from mtframework.schema.vectors import as_vectors
from mtframework.schema.vocabulary import as_strings

_FORMS = (
    "A Parquet file with a column of ids and one of lists of numbers, or an .npz file with the "
    'arrays "ids" and "vectors".'
)


def read_vectors(path: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns ids, `[num_rows]` texts, and their vectors, `[num_rows, size]` float32.

    Args:
        path: A Parquet file with one column of texts or integers and one of lists, or an `.npz`
            file with the arrays `ids` and `vectors`.
        size: How many numbers a vector has.

    Raises:
        DataError: The file cannot be read, is of another form, or holds an id twice; or a vector is
            missing or not of that size, or holds something that is no finite number.
    """
    try:
        ids, vectors = _of_arrays(path) if Path(path).suffix == ".npz" else _of_table(path)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}.", _FORMS, "Correct the path.") from error
    texts = as_strings(ids)
    distinct, counts = np.unique(texts, return_counts=True)
    if len(texts) != len(vectors) or len(distinct) != len(texts):
        what = (
            f'the id "{distinct[counts.argmax()]}" twice'
            if counts.max(initial=0) > 1
            else (f"{len(texts)} ids and {len(vectors)} vectors")
        )
        raise DataError(f"{path} holds {what}.", "One vector for each id.", "Correct the file.")
    return texts, as_vectors(path, vectors, size)


def _of_arrays(path: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["ids"], arrays["vectors"]


def _of_table(path: str) -> tuple[np.ndarray, np.ndarray]:
    table = pa.parquet.read_table(path)
    lists = [name for name in table.column_names if pa.types.is_nested(table[name].type)]
    others = [name for name in table.column_names if name not in lists]
    if len(lists) != 1 or len(others) != 1:
        raise DataError(
            f"{path} has the columns {', '.join(table.column_names)}.", _FORMS, "Correct the file."
        )
    vectors = table[lists[0]].to_numpy()
    return np.asarray(table[others[0]].to_pylist(), object), vectors
