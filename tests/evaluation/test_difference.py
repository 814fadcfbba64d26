"""Paired differences against SciPy's paired interval and by hand, and their words."""

import pytest
from scipy import stats  # comes with JAX

from mtframework.errors import ExperimentError
from mtframework.evaluation.compare import Comparison
from mtframework.evaluation.difference import Difference, paired_differences
from mtframework.evaluation.interval import Interval

ALONE = [1.00, 1.10, 0.90, 1.20]
JOINT = [1.05, 1.13, 0.96, 1.26]


def runs(name, values, tasks, metric="rating/rmse", first_seed=0):
    lower = [metric] if metric.endswith("rmse") else []
    return [
        Comparison(
            name,
            seed,
            {metric: value},
            1.0,
            1.0,
            tasks,
            lower_is_better=lower,
        )
        for seed, value in enumerate(values, first_seed)
    ]


def test_interval_is_that_of_the_pairs():
    results = runs("alone", ALONE, ["rating"]) + runs("joint", JOINT, ["rating", "watch"])
    [found] = paired_differences(results, "alone", ["rating/rmse"])
    low, high = stats.ttest_rel(JOINT, ALONE).confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert found.interval.mean == pytest.approx(0.05)
    assert found.is_negative_transfer
    assert found.sentence() == (f"adding watch costs rating 0.0500 RMSE [{low:.4f}, {high:.4f}]")


def test_only_seeds_of_both_are_paired():
    results = runs("alone", ALONE, ["rating"]) + runs("joint", JOINT, ["rating"], first_seed=2)
    [found] = paired_differences(results, "alone", ["rating/rmse"])
    assert found.interval.count == 2
    assert found.interval.mean == pytest.approx((1.05 - 0.90 + 1.13 - 1.20) / 2)


def test_task_that_one_did_not_learn_is_not_compared():
    results = runs("alone", ALONE, ["watch"]) + runs("joint", JOINT, ["rating", "watch"])
    assert paired_differences(results, "alone", ["rating/rmse"]) == []


@pytest.mark.parametrize(
    ("metric", "mean", "half_width", "added", "expected"),
    [
        ("rating/rmse", -0.02, 0.01, ("watch",),
         "adding watch gains rating 0.0200 RMSE [0.0100, 0.0300]"),
        ("watch/top_100", -0.02, 0.01, ("rating", "like"),
         "adding rating and like costs watch 0.0200 top_100 [0.0100, 0.0300]"),
        ("watch/top_100", 0.02, 0.01, (),
         "joint gains watch 0.0200 top_100 [0.0100, 0.0300] against alone"),
        ("rating/rmse", 0.001, 0.002, ("watch",),
         "adding watch shows no change of rating RMSE: +0.0010 [-0.0010, 0.0030]"),
        ("rating/rmse", 0.0, 0.0, ("watch",), "adding watch leaves rating RMSE unchanged"),
    ],
)  # fmt: skip
def test_words(metric, mean, half_width, added, expected):
    difference = Difference(
        "joint", "alone", metric, Interval(mean, half_width, 5), "top" in metric, added
    )
    assert difference.sentence() == expected
    assert difference.is_negative_transfer == ("costs" in expected)


def test_one_seed_gives_no_interval():
    results = runs("alone", [1.0], ["rating"]) + runs("joint", [1.5], ["rating", "watch"])
    [found] = paired_differences(results, "alone", ["rating/rmse"])
    assert found.sentence() == (
        "adding watch costs rating 0.5000 RMSE, by one seed, which gives no interval"
    )
    assert not found.is_negative_transfer


def test_baseline_that_is_none():
    with pytest.raises(ExperimentError, match='Did you mean "alone"'):
        paired_differences(runs("alone", ALONE, ["rating"]), "alon", ["rating/rmse"])
