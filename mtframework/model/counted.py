"""Which rows of a batch are there only to fill it up."""

from collections.abc import Mapping
from typing import Any

from keras import ops

# Keras takes the length of a batch's first entry, by name, for its number of rows.
COUNTED = "!rows"
"""An entry of a batch without numbers, `[num_counted, 0]`: the rows behind the first `num_counted`
count for nothing, and are no negatives. Without the entry all count."""


def counted_rows(features: Mapping[str, Any], num_rows) -> Any:
    """Returns which rows count, `[num_rows]` bool; None where all do.

    >>> ops.convert_to_numpy(counted_rows({COUNTED: np.zeros((2, 0))}, 3)).tolist()
    [True, True, False]
    """
    if COUNTED not in features:
        return None
    return ops.arange(num_rows) < ops.shape(features[COUNTED])[0]
