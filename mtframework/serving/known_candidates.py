"""What a model's catalogue says of the candidates of rows that do not say it themselves."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtframework.errors import DataError, quoted_list


def catalogue_columns(schema, names) -> tuple[str, ...]:
    """Returns those of some columns that a catalogue knows of its candidates."""
    key = schema.candidate_key
    return tuple(name for name in names if name != key and schema[name].role == "candidate")


def encode_rows_of_candidates(model, columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns raw columns as `model.encode` does, and what they lack from the catalogue.

    Args:
        model: A trained `MultiTaskModel`.
        columns: Raw columns: `{name: [num_rows]}`.

    Raises:
        DataError: A candidate that the rows do not describe is not in the catalogue.
    """
    encoded = model.encode(columns)
    key = model.schema.candidate_key
    missing = [
        name
        for name in catalogue_columns(model.schema, model.feature_columns)
        if name not in columns
    ]
    if not missing or key not in columns:
        return encoded
    ids = model.vocabularies[key].ids(columns[key])
    rows = model.catalogue.row_of_each_id(model.vocabularies[key].size)[ids]
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        raise DataError(
            f'The candidate "{np.asarray(columns[key])[unknown[0]]}" is not in the model\'s '
            f"catalogue, which would say its {quoted_list(missing)}.",
            f"Candidates of the catalogue, or rows with the columns {quoted_list(missing)}.",
            "Add the columns, or leave the rows of such candidates out.",
        )
    return {**encoded, **{name: model.catalogue.columns[name][rows] for name in missing}}
