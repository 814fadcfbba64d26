"""Metrics that an experiment names."""

from collections.abc import Callable, Sequence

import keras

from mtframework.errors import ModelError, did_you_mean, quoted_list

METRICS: dict[str, Callable[..., keras.metrics.Metric]] = {
    "accuracy": keras.metrics.BinaryAccuracy,
    "auc": keras.metrics.AUC,
    "log_loss": keras.metrics.BinaryCrossentropy,
    "mae": keras.metrics.MeanAbsoluteError,
    "mape": keras.metrics.MeanAbsolutePercentageError,
    "mse": keras.metrics.MeanSquaredError,
    "precision": keras.metrics.Precision,
    "recall": keras.metrics.Recall,
    "rmse": keras.metrics.RootMeanSquaredError,
}
"""Of one number a row each, by the name that they are reported under."""


def check_metric_names(task: str, names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of a task's metrics.

    Raises:
        ModelError: There is no such metric, or it is named twice.
    """
    names = tuple(names)
    for name in names:
        if name not in METRICS:
            raise ModelError(
                f'The task "{task}" names "{name}" in metrics, and there is no such metric.'
                f"{did_you_mean(name, METRICS)}",
                f"Some of {quoted_list(METRICS)}.",
                "Correct the name, or write a task of your own for another metric.",
            )
    if len(set(names)) < len(names):
        raise ModelError(
            f'The task "{task}" has metrics = {list(names)}, which names one twice.',
            "Each metric once.",
            "Take it out.",
        )
    return names


def metrics_by_name(names: Sequence[str]) -> list[keras.metrics.Metric]:
    """Returns new metrics.

    >>> [metric.name for metric in metrics_by_name(["rmse", "mae"])]
    ['rmse', 'mae']
    """
    return [METRICS[name](name=name) for name in names]
