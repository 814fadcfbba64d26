"""Metrics by the names that experiments write."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.metrics.by_name import higher_is_better, metrics_by_name
from mtframework.metrics.of_numbers import AreaUnderCurve
from mtframework.registry import METRICS

LABELS, SCORES = [1.0, 0.0, 1.0, 0.0], [0.75, 0.25, 0.25, 0.75]
# By hand: errors of 1/4, 1/4, 3/4, 3/4; one of two positives is found, one of two found is one;
# of four pairs of a positive and a negative one is in order, two are ties and one is out of order.
EXPECTED = {"accuracy": 0.5, "auc": 0.5, "mae": 0.5, "mse": 0.3125, "precision": 0.5, "recall": 0.5}
EXPECTED |= {"rmse": 0.3125**0.5, "log_loss": 0.836988}  # -(ln 0.75 + ln 0.25) / 2
# Precision is 1/2 at both scores; both bins that have rows are half positive, 1/4 off.
EXPECTED |= {"pr_auc": 0.5, "calibration_error": 0.25}
EXPECTED |= {"normalized_entropy": 0.836988 / 0.693147}  # half are positive: ln 2
# 2 (ln(4/3) - 1/4), 2 · 1/4, 2 (ln 4 - 3/4), 2 · 3/4; and with roots, 2 (-4 + 2/r + 2r) and 4r.
EXPECTED |= {"poisson_deviance": (0.075364 + 0.5 + 1.272589 + 1.5) / 4}
EXPECTED |= {"tweedie_deviance": (0.082904 + 2 + 2 + 3.464102) / 4}


@pytest.mark.parametrize("name", EXPECTED)
def test_values(name):
    [metric] = metrics_by_name([name])
    metric.update_state(ops.convert_to_tensor(LABELS), ops.convert_to_tensor(SCORES))
    assert metric.name == name
    assert float(metric.result()) == pytest.approx(EXPECTED[name], abs=1e-5)


def test_every_other_metric_is_covered():
    built_in = {part.name for part in METRICS if part.owner == "mtframework"}
    # A label of 0 has no percentage, and batches cut queries apart.
    assert built_in - set(EXPECTED) == {"mape", "gauc"}


@pytest.mark.parametrize(
    "task",
    [
        mtf.Ranking("stars", label="stars", metrics=["mse"]),
        mtf.BinaryFeedback("click", label="click", metrics=["mse"]),
    ],
)
def test_tasks_report_the_named_ones_and_save_their_names(task):
    again = type(task).from_config(task.get_config())
    assert [[each.name for each in one.make_metrics()] for one in (task, again)] == [["mse"]] * 2


@pytest.mark.parametrize(
    ("metrics", "found"),
    [(["rsme"], 'names "rsme" in metrics'), (["mae", "mae"], "names one twice")],
)
def test_what_is_no_choice_is_refused(metrics, found):
    with pytest.raises(mtf.MtframeworkError, match=found):
        mtf.Ranking("stars", label="stars", metrics=metrics)


def test_defaults_are_those_of_the_loss():
    plain = mtf.Ranking("stars", label="stars")
    click = mtf.Ranking("c", label="c", loss="binary_crossentropy", activation="sigmoid")
    assert plain.metric_names == ("rmse", "mae")
    assert [type(each) for each in click.make_metrics()] == [AreaUnderCurve]


DIRECTIONS = {"accuracy": True, "auc": True, "precision": True, "recall": True}
DIRECTIONS |= {"gauc": True, "pr_auc": True}
DIRECTIONS |= dict.fromkeys(["normalized_entropy", "poisson_deviance", "tweedie_deviance"], False)
DIRECTIONS |= dict.fromkeys(["calibration_error", "log_loss", "mae", "mape", "mse", "rmse"], False)


@pytest.mark.parametrize("part", list(METRICS), ids=lambda part: part.name)
def test_every_registered_metric_declares_its_direction(part):
    assert isinstance(part.cls.higher_is_better, bool)
    if part.owner == "mtframework":
        assert higher_is_better(part.cls(name="anything")) == DIRECTIONS[part.name]


def test_a_metric_of_keras_is_as_the_registered_one_whatever_its_name():
    assert higher_is_better(keras.metrics.AUC(name="seconds_error"))
    assert not higher_is_better(keras.metrics.MeanAbsoluteError(name="top_1"))


def test_an_own_metric_is_asked_for_its_direction():
    class Minutes(keras.metrics.Mean):
        """Of minutes."""

    with pytest.raises(mtf.MtframeworkError, match="does not say whether a higher value is better"):
        higher_is_better(Minutes(name="mae_minutes"))
    Minutes.higher_is_better = False
    assert not higher_is_better(Minutes(name="mae_minutes"))


def test_auc_is_exact_and_undefined_for_one_class():
    # Of two positives and three negatives: 6 pairs, 4 in order and one tie.
    labels, scores = np.array([1, 0, 1, 0, 0]), np.array([0.9, 0.9, 0.2, 0.3, 0.1])
    assert AreaUnderCurve.exact(labels, scores) == pytest.approx((2 + 0.5 + 1) / 6)
    assert np.isnan(AreaUnderCurve.exact(np.ones(3), scores[:3]))
    metric = AreaUnderCurve()
    metric.update_state(ops.ones((3, 1)), ops.ones((3, 1)) / 2)
    assert np.isnan(float(metric.result()))


@pytest.fixture
def own_parts(monkeypatch):
    """Takes what a test registers out again."""
    monkeypatch.setattr(METRICS, "_parts", dict(METRICS._parts))


def test_what_a_plugin_makes_of_a_keras_class_says_nothing_about_that_class(own_parts):
    @mtf.register_metric("mean_delay")
    class MeanDelay(keras.metrics.Mean):
        """The mean of delays."""

        higher_is_better = False

        def __init__(self, name="mean_delay", dtype=None):
            super().__init__(name, dtype)

    assert not higher_is_better(MeanDelay())
    with pytest.raises(mtf.MtframeworkError, match="does not say whether a higher value is better"):
        higher_is_better(keras.metrics.Mean())


def test_a_registered_metric_that_says_nothing_harms_no_other(own_parts):
    @mtf.register_metric("mean_of_something")
    class MeanOfSomething(keras.metrics.Mean):
        """The mean of something."""

        def __init__(self, name="mean_of_something", dtype=None):
            super().__init__(name, dtype)

    assert higher_is_better(METRICS.get("auc").cls())
    assert not higher_is_better(keras.metrics.MeanAbsoluteError())
    with pytest.raises(mtf.MtframeworkError, match="does not say whether a higher value is better"):
        higher_is_better(MeanOfSomething())


@pytest.mark.parametrize("name", DIRECTIONS)
def test_metrics_are_made_again_from_what_keras_saves(name):
    [metric] = metrics_by_name([name])
    saved = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert again.get_config().items() >= {"name": name, "dtype": "float32"}.items()
