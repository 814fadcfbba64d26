"""Timestamps to days and seconds of the day, exactly."""

from keras import ops

from mtframework.features.feature import Feature

SECONDS_OF_DAY = 86_400


def days_and_seconds(timestamps, utc_offset_hours: float = 0.0):
    """Returns the days since 1970 and the seconds since midnight, each `[batch]` float32.

    Both are exact: the division happens in whole numbers, before anything is rounded to float32,
    which would round the seconds of this century to two minutes.

    Args:
        timestamps: Seconds since 1970 in UTC, `[batch]` ints.
        utc_offset_hours: How far the local clock is ahead of UTC.

    Example:

    >>> days, seconds = days_and_seconds(np.array([86_400 * 20_000 + 61], "int32"))
    >>> float(days[0]), float(seconds[0])
    (20000.0, 61.0)
    """
    timestamps = ops.convert_to_tensor(timestamps)
    days = ops.floor_divide(timestamps, SECONDS_OF_DAY)
    seconds = timestamps - days * SECONDS_OF_DAY
    if utc_offset_hours:
        local = seconds + round(utc_offset_hours * 3600)
        carried = ops.floor_divide(local, SECONDS_OF_DAY)
        days, seconds = days + carried, local - carried * SECONDS_OF_DAY
    return ops.cast(days, "float32"), ops.cast(seconds, "float32")


def checked_utc_offset(feature: Feature, hours: float) -> float:
    """Returns the offset, and raises a `ModelError` where no clock on Earth has it."""
    is_number = isinstance(hours, (int, float)) and not isinstance(hours, bool)
    if not is_number or not -14 <= hours <= 14:
        raise feature.wrong("utc_offset_hours", hours, "Hours from -14 to 14.")
    return hours
