"""The one reduction."""

from typing import Literal

from keras import ops


def reduce_losses(losses, weights, reduction: Literal["mean", "sum"] = "mean"):
    """Returns `Σ weights · losses / Σ weights`, or `Σ weights · losses`; 0 where no row counts.

    Args:
        losses: `[batch]` float32; of rows with weight 0 it may hold anything, NaN included.
        weights: `[batch]` float32, zero or more.
        reduction: `"mean"` or `"sum"`.

    Returns:
        A float32 scalar. The gradient towards rows with weight 0 is 0.

    Example:

    >>> float(reduce_losses(np.array([1.0, 4.0, np.nan]), np.array([1.0, 3.0, 0.0])))
    3.25
    """
    # A product with weight 0 would let a NaN through.
    total = ops.sum(ops.where(weights > 0, weights * losses, 0.0))
    if reduction == "sum":
        return total
    weight = ops.sum(weights)
    return total / ops.where(weight > 0, weight, 1.0)
