"""Checks of labels, once, before training."""

import numpy as np

from mtframework import MtframeworkError, Task


def present_labels(task: Task, labels: np.ndarray) -> np.ndarray:
    """Returns the labels that are known."""
    labels = np.asarray(labels, "float64")
    present = labels[~np.isnan(labels)]
    return present if task.missing_label is None else present[present != task.missing_label]


def check_labels(task: Task, wrong: np.ndarray, expected: str, fix: str) -> None:
    """Raises an error where there are labels that the task cannot learn from.

    Args:
        task: The task.
        wrong: The labels that it cannot learn from.
        expected: What labels it can learn from.
        fix: What to do.
    """
    if wrong.size:
        raise MtframeworkError(
            f'The label "{task.label}" of the task "{task.name}" ({type(task).__name__}) holds '
            f"{wrong[0]:g}.",
            expected,
            fix,
        )
