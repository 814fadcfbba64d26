"""The area under the precision-recall curve: by hand, and where it is undefined."""

import numpy as np
import pytest
from keras import ops

from mtframework.metrics.average_precision import AveragePrecision


def test_rows_of_one_score_come_together():
    # The recall grows by 1/3 at 0.9, at a precision of 1/1, and by 2/3 at 0.4, at one of 3/5.
    labels, scores = np.array([1, 0, 1, 0, 1, 0]), np.array([0.9, 0.4, 0.4, 0.4, 0.4, 0.1])
    for order in (np.arange(6), np.arange(6)[::-1]):
        found = AveragePrecision.exact(labels[order], scores[order])
        assert found == pytest.approx(1 / 3 + 2 / 3 * 3 / 5)


def test_scores_that_are_all_alike_have_the_share_of_positives():
    assert AveragePrecision.exact(np.array([1, 0, 0, 0]), np.full(4, 0.7)) == 0.25


def test_positives_alone_are_all_found():
    assert AveragePrecision.exact(np.ones(3), np.array([0.1, 0.2, 0.3])) == 1.0


def test_it_is_undefined_without_a_positive():
    assert np.isnan(AveragePrecision.exact(np.zeros(3), np.array([0.1, 0.2, 0.3])))
    metric = AveragePrecision()
    metric.update_state(ops.zeros((3, 1)), ops.ones((3, 1)) / 2)
    assert np.isnan(float(metric.result()))
