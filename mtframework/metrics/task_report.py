"""What the model reports of one task."""

import keras
from keras import ops


class TaskReport(keras.metrics.Metric):
    """Keeps one task's loss, its part of the total and its metrics over an epoch.

    `result()` gives `{task}/loss`, the weighted mean of the unweighted losses; `{task}/total`,
    the sum over batches of the loss times its weight; and `{task}/{metric}` for each metric.

    Args:
        name: The task's name.
        metrics: The task's metrics.

    Example:

    >>> report = TaskReport("rating", [keras.metrics.MeanAbsoluteError(name="mae")])
    >>> report.update_state(2.0, 0.5, np.array([3.0]), np.array([2.5]), np.array([1.0]))
    >>> {name: float(value) for name, value in report.result().items()}
    {'rating/loss': 2.0, 'rating/total': 0.5, 'rating/mae': 0.5}
    """

    def __init__(self, name: str, metrics: list[keras.metrics.Metric]):
        super().__init__(name=name)
        self.loss = keras.metrics.Mean(name="loss")
        self.total = keras.metrics.Sum(name="total")
        self.task_metrics = list(metrics)

    def update_state(self, loss, weighted_loss, labels, scores, weights):
        """Adds one batch.

        Args:
            loss: The batch's loss, a scalar.
            weighted_loss: The same, times what it counts in the total.
            labels: `[batch]`, or None where the task has none.
            scores: `[batch]`, or what else the task's metrics read.
            weights: `[batch]`, zero where a row does not count.
        """
        self.loss.update_state(loss, sample_weight=ops.sum(weights))
        self.total.update_state(weighted_loss)
        for metric in self.task_metrics:
            # Keras takes the last axis of labels and scores for the parts of one row.
            metric.update_state(
                ops.expand_dims(labels, -1), ops.expand_dims(scores, -1), sample_weight=weights
            )

    def result(self):
        parts = (self.loss, self.total, *self.task_metrics)
        return {f"{self.name}/{part.name}": part.result() for part in parts}

    def reset_state(self):
        for part in (self.loss, self.total, *self.task_metrics):
            part.reset_state()

    def is_empty(self) -> bool:
        """Returns whether no row has counted since the last reset."""
        return float(ops.convert_to_numpy(self.loss.count)) == 0
