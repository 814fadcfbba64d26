"""Intervals against SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats  # comes with JAX

from mtframework.errors import DataError
from mtframework.evaluation.interval import mean_interval, student_t_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 10, 29, 100, 1001])
@pytest.mark.parametrize("probability", [0.5, 0.75, 0.975, 0.9995])
def test_quantile(probability, degrees):
    expected = stats.t.ppf(probability, degrees)
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_interval(count):
    values = np.random.default_rng(count).normal(3.0, 2.0, count)
    low, high = stats.t.interval(0.9, count - 1, values.mean(), stats.sem(values))
    found = mean_interval(values.tolist(), confidence=0.9)
    assert (found.low, found.mean, found.high) == pytest.approx((low, values.mean(), high))


def test_one_value_has_no_interval():
    found = mean_interval([0.5])
    assert found.mean == 0.5
    assert math.isnan(found.half_width)
    assert not found.excludes_zero


def test_what_has_no_mean():
    with pytest.raises(DataError, match="There is no value"):
        mean_interval([])
    with pytest.raises(DataError, match=r"The probability is 1\.0"):
        mean_interval([1.0, 2.0], confidence=1.0)
