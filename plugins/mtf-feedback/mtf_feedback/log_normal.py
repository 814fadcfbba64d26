"""What the tasks with a log-normal label have in common."""

import numpy as np
from keras import ops

MIN_SPREAD = 0.01
"""Keeps the density bounded where labels repeat exactly."""


def spread_of(raw):
    """Returns standard deviations of the logarithm, above `MIN_SPREAD`, of unbounded numbers."""
    return ops.softplus(raw) + MIN_SPREAD


def raw_spread(spread: float) -> float:
    """Returns what `spread_of` makes `spread` of.

    >>> round(float(spread_of(ops.convert_to_tensor(raw_spread(0.5)))), 6)
    0.5
    """
    return float(np.log(np.expm1(max(spread - MIN_SPREAD, MIN_SPREAD))))


def log_normal_losses(labels, mean, spread):
    """Returns `log spread + ½·((log label − mean) / spread)² + ½·log 2π`, `[batch]`.

    The negative logarithm of the density of log label. That of the label itself is larger by
    log label, which no prediction changes and which would depend on the unit.
    """
    deviation = (ops.log(labels) - mean) / spread
    return ops.log(spread) + 0.5 * ops.square(deviation) + 0.5 * np.log(2 * np.pi)
