"""The rows that count for a task."""

from collections.abc import Mapping

import numpy as np
from keras import ops

from mtframework.tasks.task import Task


def rows_that_count(task: Task, columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns which rows have a label and a weight above 0 for a task, and the labels."""
    num_rows = len(next(iter(columns.values())))
    weights = columns[task.sample_weight] if task.sample_weight else np.ones(num_rows, "float32")
    if task.label is None:
        return weights > 0, np.zeros(num_rows, "float32")
    labels = np.asarray(columns[task.label], "float32")
    valid = ops.convert_to_numpy(task.valid_rows(ops.convert_to_tensor(labels)))
    return valid & (weights > 0), labels
