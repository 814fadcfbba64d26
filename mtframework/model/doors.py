"""What may come in where Keras calls the model: encoded columns, and nothing that is dropped."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.schema.events import LAST, LENGTHS, is_of_histories


def check_features(model, x: Any) -> None:
    """Raises a `ModelError` where features are raw values in place of what `encode` gives.

    An integer that is a raw id cannot be told from the model's own id by its value, so the type
    decides: ids are int32 and below the size of the vocabulary, raw integers are of any other type.

    Args:
        model: An adapted `MultiTaskModel`.
        x: Columns by name, or batches with such columns in `parts`; batches of another kind are
            left to Keras.
    """
    parts = getattr(x, "parts", None)
    columns = parts[0] if parts and isinstance(parts[0], Mapping) else x
    if not isinstance(columns, Mapping):
        if isinstance(x, (list, tuple)) or hasattr(x, "shape"):  # an array, a tensor, a DataFrame
            raise ModelError(
                f"The features are of the type {type(x).__name__}.",
                "What encode gives, {name: [num_rows]}, or batches of it.",
                "Pass model.encode(columns), or Batches of dataset.encode(rows).",
            )
        return
    _check_names_and_lengths(model, columns)
    for name in model.feature_columns:
        if name in columns:
            _check_column(model, name, columns[name])
    has_histories = LENGTHS in columns or LAST in columns
    if model.max_length and parts is None and not has_histories:
        raise ModelError(
            "The columns have no histories, which a tower reads.",
            "What encode gives, or batches whose rows have histories.",
            "Pass model.encode(columns), or mtframework.batches_of(model, dataset, split).",
        )


def is_of_numpy(x: Any) -> bool:
    """Returns whether there are columns in `x` and all of them are of NumPy, so none is traced."""
    return isinstance(x, Mapping) and all(isinstance(each, np.ndarray) for each in x.values())


def check_histories(model, x: Any) -> None:
    """Raises a `ModelError` where rows to train on have the histories of requests.

    These hold everything that is known of a query, the row itself among it.
    """
    if model.max_length and isinstance(x, Mapping) and LENGTHS in x:
        raise ModelError(
            "The rows to train on have the histories that encode gives, which hold the rows "
            "themselves.",
            "Batches in which a row knows what came before it.",
            'Pass mtframework.batches_of(model, dataset, "train").',
        )


def _check_names_and_lengths(model, columns: Mapping[str, Any]) -> None:
    known = (*model.feature_columns, *(column.name for column in model.schema.columns))
    lengths = {}
    for name, values in columns.items():
        if is_of_histories(name):
            continue
        lengths[name] = len(values)
        if name not in known:
            raise ModelError(
                f'The features have a column "{name}", which the model does not know.'
                f"{did_you_mean(name, known)}",
                f"Columns of {quoted_list(model.feature_columns)}.",
                "Correct the name, or leave the column out.",
            )
    if len(set(lengths.values())) > 1:
        found = ", ".join(f'"{name}" {length}' for name, length in lengths.items())
        raise ModelError(
            f"The columns differ in their numbers of rows: {found}.",
            "A value for each row, in every column.",
            "Pass columns of the same rows.",
        )


def _check_column(model, name: str, values: Any) -> None:
    values = values if hasattr(values, "dtype") else np.asarray(values)
    dtype = getattr(values.dtype, "name", None) or str(values.dtype).split(".")[-1]
    vocabulary = model.vocabularies.get(name)
    wants_ids = vocabulary is not None or model.schema[name].role == "timestamp"
    right = dtype == "int32" if wants_ids else "float" in dtype
    several = model.schema[name].kind in ("multi_categorical", "vector")
    if not right or len(values.shape) != 1 + several:
        raise ModelError(
            f'The column "{name}" holds raw values: {dtype} of the shape {tuple(values.shape)}.',
            f"What encode gives: {'int32' if wants_ids else 'float32'}, "
            f"{'[num_rows, width]' if several else '[num_rows]'}.",
            "Pass model.encode(columns), or Batches of dataset.encode(rows).",
        )
    if vocabulary is None or not isinstance(values, np.ndarray) or not values.size:
        return
    outside = values[(values < 0) | (values >= vocabulary.size)]
    if outside.size:
        raise ModelError(
            f'The column "{name}" holds the id {outside[0]}, and there are {vocabulary.size} ids.',
            "Ids that encode gives.",
            "Pass model.encode(columns), or Batches of dataset.encode(rows).",
        )


def check_labels(model, y: Any) -> None:
    """Raises a `ModelError` where labels are not one number a row."""
    for name in model.label_columns if isinstance(y, Mapping) else ():
        shape = np.shape(y[name]) if name in y else (0,)
        if len(shape) != 1:
            raise ModelError(
                f'The label "{name}" has the shape {tuple(shape)}.',
                "[num_rows]: one number a row.",
                f'Take its only column: labels["{name}"][:, 0].',
            )


def check_weights(class_weight: Any, sample_weight: Any) -> None:
    """Raises a `ModelError` where weights are given in a form that names no task."""
    if class_weight is not None:
        raise ModelError(
            "class_weight was given.",
            "A weight for each row, which a task reads from a column.",
            "Set the task's sample_weight to a numeric column that holds each row's weight.",
        )
    if sample_weight is not None and not isinstance(sample_weight, Mapping):
        raise ModelError(
            f"sample_weight is {type(sample_weight).__name__}, and no task is named in it.",
            "Columns by name, which the tasks' sample_weight names.",
            "Set the task's sample_weight to a column, and pass {column: weights}.",
        )


def one_row_of(columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns a row of zeros of the same columns, which stands in where there are no rows."""
    return {name: np.zeros((1, *each.shape[1:]), each.dtype) for name, each in columns.items()}
