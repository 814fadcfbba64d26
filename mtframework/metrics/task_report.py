"""What the model reports of one task."""

import keras
import numpy as np
from keras import ops


class TaskReport(keras.metrics.Metric):
    """Keeps one task's loss, its part of the total and its metrics over an epoch.

    And the task's loss weight, as a variable that no reset changes: compiled steps read it, so
    that a new weight needs no new compilation, and it is not part of what a model saves.

    `result()` gives `{task}/loss`, the weighted mean of the unweighted losses; `{task}/weight`, the
    mean of what the loss was multiplied with in the total; `{task}/total`, the sum over batches of
    the product of the two; and `{task}/{metric}` for each metric.

    Args:
        name: The task's name.
        metrics: The task's metrics. Those that read the ids of queries are left out: batches cut
            queries apart.
        loss_weight: What the task's loss is multiplied with.

    Example:

    >>> report = TaskReport("rating", [keras.metrics.MeanAbsoluteError(name="mae")])
    >>> report.update_loss(2.0, sum_of_weights=1.0, loss_weight=0.25)
    >>> report.update_metrics(np.array([3.0]), np.array([2.5]), np.array([1.0]))
    >>> {name: float(value) for name, value in report.result().items()}
    {'rating/loss': 2.0, 'rating/weight': 0.25, 'rating/total': 0.5, 'rating/mae': 0.5}
    """

    def __init__(self, name: str, metrics: list[keras.metrics.Metric], loss_weight: float = 1.0):
        super().__init__(name=name)
        self.loss_weight = self.add_weight((), "ones", name="loss_weight")
        self.set_loss_weight(loss_weight)
        self.loss = keras.metrics.Mean(name="loss")
        self.weight = keras.metrics.Mean(name="weight")
        self.total = keras.metrics.Sum(name="total")
        self.task_metrics = [each for each in metrics if not getattr(each, "reads_queries", False)]

    def set_loss_weight(self, loss_weight: float):
        """Changes what the loss is multiplied with; infinite where float32 does not hold it."""
        with np.errstate(over="ignore"):
            self.loss_weight.assign(np.float32(loss_weight))

    def update_loss(self, loss, sum_of_weights, loss_weight):
        """Adds one batch's loss, a scalar; its rows' weights' sum; and what it is weighted with."""
        self.loss.update_state(loss, sample_weight=sum_of_weights)
        self.weight.update_state(loss_weight, sample_weight=ops.cast(sum_of_weights > 0, "float32"))
        self.total.update_state(loss * loss_weight)

    def update_metrics(self, labels, scores, weights):
        """Adds one batch's labels, `[batch]` (None without any), scores and rows' weights.

        Scores are `[batch]`, or `[batch, num_parts]` where a row has several.
        """
        if len(scores.shape) == 1:
            scores = ops.expand_dims(scores, -1)
        for metric in self.task_metrics:
            # Keras takes the last axis of labels and scores for the parts of one row.
            metric.update_state(
                labels if labels is None else ops.expand_dims(labels, -1),
                scores,
                sample_weight=weights,
            )

    def result(self):
        parts = (self.loss, self.weight, self.total, *self.task_metrics)
        return {f"{self.name}/{part.name}": part.result() for part in parts}

    def reset_state(self):
        for part in (self.loss, self.weight, self.total, *self.task_metrics):
            part.reset_state()

    def is_empty(self) -> bool:
        """Returns whether no row has counted since the last reset."""
        return float(ops.convert_to_numpy(self.loss.count)) == 0
