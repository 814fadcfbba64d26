"""The check that a model's numbers are numbers."""

import numpy as np

from mtframework.errors import ModelError


def check_not_diverged(what: str, values: np.ndarray) -> None:
    """Raises a `ModelError` where a row of the values is NaN or infinite.

    >>> check_not_diverged("embeddings of the queries", np.zeros((2, 3)))
    """
    # The extremes are finite only if every value is; they take no memory.
    if not values.size or (np.isfinite(values.min()) and np.isfinite(values.max())):
        return
    bad = int((~np.isfinite(values).all(1)).sum())
    raise ModelError(
        f"{bad} of {len(values)} {what} are not finite.",
        "Finite numbers.",
        "Lower the learning rate, or clip the gradients: the model has diverged.",
    )
