"""The mean of a few values and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mtframework.errors import DataError


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval.

    Args:
        mean: The mean.
        half_width: Half the interval's width; NaN of a single value, which tells nothing of
            spread.
        count: How many values it is the mean of.
    """

    mean: float
    half_width: float
    count: int

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero; False where there is no interval."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Returns the mean of independent values and Student's t-interval around it.

        mean ± t(1 − (1 − confidence) / 2, n − 1) · s / √n

    with the sample's standard deviation s. Of differences of pairs it is the paired interval.

    Args:
        values: One value a seed; at least one.
        confidence: How often such an interval holds the true mean, for normal values.

    Raises:
        DataError: There is no value, or the confidence is not between 0 and 1.

    Source: Student 1908, "The probable error of a mean".

    Example:

    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> round(interval.low, 3), interval.mean, round(interval.high, 3)
    (-0.484, 2.0, 4.484)
    """
    count = len(values)
    if not count:
        raise DataError("There is no value.", "At least one.", "Leave the metric out.")
    mean = math.fsum(values) / count
    if count == 1:
        return Interval(mean, math.nan, 1)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    quantile = student_t_quantile(0.5 + confidence / 2, count - 1)
    return Interval(mean, quantile * math.sqrt(variance / count), count)


def student_t_quantile(probability: float, degrees_of_freedom: int) -> float:
    """Returns the value that Student's t is below with a probability above one half.

    The distribution function of whole degrees of freedom is a finite sum; it is inverted by
    bisection, so that no statistics library is needed for the one number.

    Args:
        probability: From 0.5 to below 1.
        degrees_of_freedom: From 1.

    Raises:
        DataError: One of the two is out of range.

    Source: Abramowitz and Stegun, "Handbook of mathematical functions", 26.7.3 and 26.7.4.

    Example:

    >>> round(student_t_quantile(0.975, 4), 4)
    2.7764
    """
    if not 0.5 <= probability < 1 or degrees_of_freedom < 1:
        raise DataError(
            f"The probability is {probability} with {degrees_of_freedom} degrees of freedom.",
            "A probability from 0.5 to below 1, and one degree of freedom or more.",
            "Correct the confidence, which is between 0 and 1.",
        )
    low, high = 0.0, math.pi / 2
    while True:
        angle = (low + high) / 2
        if angle in (low, high):
            return math.tan(angle) * math.sqrt(degrees_of_freedom)
        if 0.5 + _central_probability(angle, degrees_of_freedom) / 2 < probability:
            low = angle
        else:
            high = angle


def _central_probability(angle: float, degrees_of_freedom: int) -> float:
    """Returns P(|t| < √n · tan(angle)) for n degrees of freedom."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees_of_freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, degrees_of_freedom - 1, 2):  # the terms in cosine ** power
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    return (angle + sine * total) * 2 / math.pi if odd else sine * total
