"""Which way a metric is better."""

import pytest

from mtframework.metrics.direction import lower_is_better


@pytest.mark.parametrize(
    "metric", ["rating/rmse", "rating/mae", "loss", "val_watch/loss", "a/log_loss", "x/mean_error"]
)
def test_errors_are_better_small(metric):
    assert lower_is_better(metric)


@pytest.mark.parametrize("metric", ["watch/top_100", "watch/ndcg_10_filtered", "buy/auc", "x/mrr"])
def test_accuracies_are_better_large(metric):
    assert not lower_is_better(metric)
