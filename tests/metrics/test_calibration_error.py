"""The expected calibration error: by hand, and against scikit-learn's bins."""

import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.metrics.calibration_error import CalibrationError


def in_batches(labels, scores) -> float:
    metric = CalibrationError()
    for some in np.array_split(np.arange(len(labels)), 3):
        metric.update_state(
            ops.convert_to_tensor(labels[some][:, None]),
            ops.convert_to_tensor(scores[some][:, None]),
        )
    return float(metric.result())


def test_the_gaps_of_bins_are_weighted_with_their_rows():
    # Half widths: 3 rows at a mean of 0.2, 1/3 of them positive; 1 row at 0.9, negative.
    labels, scores = np.array([0, 0, 1, 0]), np.array([0.1, 0.2, 0.3, 0.9])
    expected = 3 / 4 * (1 / 3 - 0.2) + 1 / 4 * 0.9
    assert CalibrationError(num_bins=2).exact(labels, scores) == pytest.approx(expected)


def test_bins_are_closed_at_their_upper_ends():
    # 0 and 0.5 are in the first of two bins: (0.5 + 0.5) / 2. Apart, the gaps would be 0 and 1/2.
    labels, scores = np.array([1, 0, 1]), np.array([0.0, 0.5, 1.0])
    assert CalibrationError(num_bins=2).exact(labels, scores) == pytest.approx(0.5 / 3)


def test_against_the_calibration_curve_of_scikit_learn():
    calibration = pytest.importorskip("sklearn.calibration")
    draw = np.random.default_rng(3)
    scores = draw.beta(2, 5, 4000).astype("float32")
    labels = (draw.random(4000) < scores**1.5).astype("float32")
    shares, means = calibration.calibration_curve(labels, scores, n_bins=15)
    edges = np.linspace(0, 1, 16)
    counts = np.diff([(scores <= edge).sum() for edge in edges])
    expected = (counts[counts > 0] * np.abs(shares - means)).sum() / 4000
    assert CalibrationError().exact(labels, scores) == pytest.approx(expected, rel=1e-6)
    assert in_batches(labels, scores) == pytest.approx(expected, rel=1e-3)


def test_right_probabilities_have_almost_no_error():
    draw = np.random.default_rng(4)
    scores = draw.random(100_000).astype("float32")
    labels = (draw.random(100_000) < scores).astype("float32")
    assert CalibrationError().exact(labels, scores) < 0.01


@pytest.mark.parametrize("score", [-0.1, 1.5, np.nan])
def test_it_is_undefined_of_what_is_no_probability(score):
    labels, scores = np.array([0, 1], "float32"), np.array([0.5, score], "float32")
    assert np.isnan(CalibrationError().exact(labels, scores))
    assert np.isnan(in_batches(labels, scores))


@pytest.mark.parametrize("num_bins", [0, 2.5, True])
def test_bins_that_are_no_number_are_refused(num_bins):
    with pytest.raises(mtf.MtframeworkError, match="num_bins"):
        CalibrationError(num_bins=num_bins)
