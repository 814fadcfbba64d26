"""The time of day on a circle."""

import math

from keras import ops

from mtframework.features.clock import SECONDS_OF_DAY, checked_utc_offset, days_and_seconds
from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_feature


@register_feature("time_of_day")
class TimeOfDay(Feature):
    """Sine and cosine of a timestamp's time of day, so that 23:59 lies beside 0:00; two units.

    Args:
        column: A timestamp column: seconds since 1970 in UTC.
        utc_offset_hours: How far the clock of those that the rows are about is ahead of UTC.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> clock = TimeOfDay("timestamp")
    >>> clock.build(None, 32)
    >>> print(ops.convert_to_numpy(clock(np.array([0, 6 * 3600], "int32"))).round(3) + 0)
    [[0. 1.]
     [1. 0.]]
    """

    reads = ("timestamp",)

    def __init__(self, column: str, utc_offset_hours: float = 0.0, dtype: Policy = None):
        super().__init__(column, dtype)
        self.utc_offset_hours = checked_utc_offset(self, utc_offset_hours)

    def build(self, num_ids, embedding_dim):
        self.units = 2

    def call(self, values):
        """Returns `[sin, cos]`, `[batch, 2]`, of timestamps, `[batch]`."""
        _, seconds = days_and_seconds(values, self.utc_offset_hours)
        angle = seconds * (2 * math.pi / SECONDS_OF_DAY)
        circle = ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1)
        return ops.cast(circle, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "utc_offset_hours": self.utc_offset_hours}
