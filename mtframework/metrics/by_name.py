"""Metrics that an experiment names, and which way each of them is better."""

from collections.abc import Sequence

import keras

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.metrics import (  # noqa: F401 - registers the built-in ones
    auc_per_query,
    average_precision,
    calibration_error,
    deviance,
    normalized_entropy,
    of_numbers,
)
from mtframework.registry import METRICS


def check_metric_names(task: str, names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of a task's metrics.

    Raises:
        ModelError: There is no such metric, or it is named twice.
    """
    names = tuple(names)
    known = [part.name for part in METRICS]
    for name in names:
        if name not in METRICS:
            raise ModelError(
                f'The task "{task}" names "{name}" in metrics, and there is no such metric.'
                f"{did_you_mean(name, known)}",
                f"Some of {quoted_list(known)}.",
                "Correct the name, or register a metric of your own.",
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
    return [METRICS.get(name).cls(name=name) for name in names]


def higher_is_better(metric: keras.metrics.Metric) -> bool:
    """Returns whether a larger value of a metric is the better one, as its class declares it.

    A class declares it by the attribute `higher_is_better`. A plain Keras metric of which a
    built-in one is a subclass is as that one is; what a plugin makes of a Keras class says nothing
    about that class.

    Args:
        metric: The metric. Its name is not looked at.

    Raises:
        ModelError: Its class declares nothing.

    Example:

    >>> higher_is_better(keras.metrics.MeanAbsoluteError(name="hits"))
    False
    """
    declared = getattr(metric, "higher_is_better", None)
    of_keras = {
        part.cls.__mro__[1]: part.cls.higher_is_better
        for part in METRICS
        if part.owner == "mtframework"
    }
    declared = declared if declared is not None else of_keras.get(type(metric))
    if not isinstance(declared, bool):
        raise ModelError(
            f'The metric "{metric.name}" ({type(metric).__name__}) does not say whether a higher '
            "value is better.",
            "A class with the attribute higher_is_better, True or False.",
            f"Write higher_is_better = False in the body of {type(metric).__name__} if it "
            "measures an error, else True; a Keras class needs a subclass for that.",
        )
    return declared
