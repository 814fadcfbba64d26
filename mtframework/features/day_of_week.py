"""The day of the week as an embedding."""

from keras import ops

from mtframework.features.clock import checked_utc_offset, days_and_seconds
from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_feature


@register_feature("day_of_week")
class DayOfWeek(Feature):
    """The embedding of a timestamp's day of the week.

    Args:
        column: A timestamp column: seconds since 1970 in UTC.
        utc_offset_hours: How far the clock of those that the rows are about is ahead of UTC.
        embedding_dim: The size of the embedding; None for the tower's.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> week = DayOfWeek("timestamp")
    >>> thursday, friday = np.array([0, 86_400])  # 1 and 2 January 1970
    >>> ops.convert_to_numpy(week.days(np.array([thursday, friday]))).tolist()  # Monday is 0
    [3, 4]
    """

    reads = ("timestamp",)

    def __init__(
        self,
        column: str,
        utc_offset_hours: float = 0.0,
        embedding_dim: int | None = None,
        dtype: Policy = None,
    ):
        super().__init__(column, dtype)
        self.utc_offset_hours = checked_utc_offset(self, utc_offset_hours)
        self.embedding_dim = self.checked_dim(embedding_dim)

    def build(self, num_ids, embedding_dim):
        self.add_embedding(7, self.embedding_dim or embedding_dim)

    def days(self, values):
        """Returns the days of the week, `[batch]` int32; Monday is 0."""
        days, _ = days_and_seconds(values, self.utc_offset_hours)
        return ops.mod(ops.cast(days, "int32") + 3, 7)  # 1 January 1970 was a Thursday

    def call(self, values):
        """Returns the embeddings, `[batch, units]`, of timestamps, `[batch]`."""
        assert self.embedding is not None
        return self.embedding(self.days(values))

    def get_config(self):
        return {
            **super().get_config(),
            "utc_offset_hours": self.utc_offset_hours,
            "embedding_dim": self.embedding_dim,
        }
