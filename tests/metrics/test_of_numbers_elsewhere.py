"""What `evaluate` reports of numbers, against scikit-learn."""

import numpy as np
import pytest

import mtframework as mtf
from mtframework.evaluation.evaluate import metrics_of_scores
from mtframework.metrics.deviance import TweedieDeviance

sklearn_metrics = pytest.importorskip("sklearn.metrics")

CLICKS = {
    "accuracy": lambda labels, scores: sklearn_metrics.accuracy_score(labels, scores > 0.5),
    "auc": sklearn_metrics.roc_auc_score,
    "gauc": sklearn_metrics.roc_auc_score,  # of rows that are all one query's
    "log_loss": sklearn_metrics.log_loss,
    "normalized_entropy": lambda labels, scores: (
        sklearn_metrics.log_loss(labels, scores)
        / sklearn_metrics.log_loss(labels, np.full(len(labels), labels.mean()))
    ),
    "pr_auc": sklearn_metrics.average_precision_score,
    "precision": lambda labels, scores: sklearn_metrics.precision_score(labels, scores > 0.5),
    "recall": lambda labels, scores: sklearn_metrics.recall_score(labels, scores > 0.5),
}
STARS = {
    "mae": sklearn_metrics.mean_absolute_error,
    "mape": lambda *rows: 100 * sklearn_metrics.mean_absolute_percentage_error(*rows),
    "mse": sklearn_metrics.mean_squared_error,
    "rmse": sklearn_metrics.root_mean_squared_error,
}
COUNTS = {
    "poisson_deviance": sklearn_metrics.mean_poisson_deviance,
    "tweedie_deviance": lambda *rows: sklearn_metrics.mean_tweedie_deviance(*rows, power=1.5),
}


@pytest.mark.parametrize("name", CLICKS)
@pytest.mark.parametrize("base_rate", [0.5, 0.02])
def test_of_probabilities(name, base_rate):
    draw = np.random.default_rng(7)
    labels = (draw.random(3000) < base_rate).astype("float32")
    # Rounded, so that many scores are equal; the positives' are higher on average.
    scores = np.round(np.clip(draw.normal(0.4 + 0.2 * labels, 0.15), 0.01, 0.99), 2)
    scores = scores.astype("float32")
    task = mtf.BinaryFeedback("click", label="click", metrics=[name])
    found = metrics_of_scores(task, labels, scores, np.ones(len(labels), "int32"), [])
    assert found[name] == pytest.approx(float(CLICKS[name](labels, scores)), abs=1e-5)


def test_auc_of_rare_positives_with_probabilities_that_are_all_small():
    draw = np.random.default_rng(8)
    labels = np.zeros(20_000, "float32")
    labels[:15] = 1.0
    scores = (0.001 * np.exp(draw.normal(0.8 * labels, 1.0))).astype("float32")
    task = mtf.BinaryFeedback("click", label="click", metrics=["auc"])
    found = metrics_of_scores(task, labels, scores, np.ones(len(labels), "int32"), [])
    expected = float(sklearn_metrics.roc_auc_score(labels, scores))
    assert found["auc"] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", STARS)
def test_of_numbers(name):
    draw = np.random.default_rng(9)
    labels = draw.integers(1, 6, 2000).astype("float32")
    scores = (labels + draw.normal(0.0, 1.0, 2000)).astype("float32")
    task = mtf.Ranking("stars", label="stars", metrics=[name])
    found = metrics_of_scores(task, labels, scores, np.ones(len(labels), "int32"), [])
    assert found[name] == pytest.approx(float(STARS[name](labels, scores)), rel=1e-5)


@pytest.mark.parametrize("name", COUNTS)
def test_of_counts_and_values(name):
    draw = np.random.default_rng(10)
    scores = draw.gamma(2.0, 1.5, 2000).astype("float32")
    labels = np.where(draw.random(2000) < 0.5, 0.0, draw.gamma(2.0, scores)).astype("float32")
    assert (labels == 0).any()
    task = mtf.Ranking("plays", label="plays", metrics=[name])
    queries, notes = np.ones(len(labels), "int32"), []
    found = metrics_of_scores(task, labels, scores, queries, notes)
    assert found[name] == pytest.approx(float(COUNTS[name](labels, scores)), rel=1e-5)
    scores[7] = 0.0  # which holds a count impossible
    assert metrics_of_scores(task, labels, scores, queries, notes) == {}
    assert notes == [f"plays/{name} is undefined: a score is not above 0."]


def test_a_power_of_ones_own():
    labels, scores = np.array([[0.0], [3.0]], "float32"), np.array([[0.5], [2.0]], "float32")
    metric = TweedieDeviance(power=1.2)
    metric.update_state(labels, scores)
    expected = sklearn_metrics.mean_tweedie_deviance(labels, scores, power=1.2)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    assert TweedieDeviance.from_config(metric.get_config()).power == 1.2
    with pytest.raises(mtf.MtframeworkError, match=r"above 1 to 1\.99"):
        TweedieDeviance(power=1.0)
