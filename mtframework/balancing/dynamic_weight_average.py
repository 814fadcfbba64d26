"""Dynamic weight average."""

from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer


@register_loss_balancer("dynamic_weight_average")
class DynamicWeightAverage(LossBalancer):
    """Gives more weight to tasks whose losses fall more slowly.

    With `rᵢ` a task's mean loss of the last period over that of the period before: weights `n ·
    exp(rᵢ/T) / Σ exp(r/T)`, n the number of tasks, so they sum to n. A task has `r = 1` until two
    periods had labels for it; a period without any leaves its `r` as it is.

    The paper's period is an epoch. A model does not see its epochs, so a period is a number of
    training steps: set it to the steps of an epoch for the paper's method, or shorter to react
    faster.

    Cost: four numbers a task.

    Liu et al. 2019, "End-to-end multi-task learning with attention".

    Args:
        period: The length of a period, in training steps.
        temperature: T; the higher, the more equal the weights.
        name: The layer's name.

    Example:

    >>> balancer = DynamicWeightAverage(period=1)
    >>> balancer.build(["rating", "watch"])
    >>> present = {"rating": True, "watch": True}
    >>> for loss in (4.0, 2.0):
    ...     total, _ = balancer.weigh({"rating": loss, "watch": 1.0}, present, training=True)
    >>> weights = balancer.weigh({"rating": 1.0, "watch": 1.0}, present)[1]
    >>> float(weights["rating"]) < 1.0 < float(weights["watch"])
    True
    """

    def __init__(self, period: int = 100, temperature: float = 2.0, name: str | None = None):
        super().__init__(name=name)
        check_range("DynamicWeightAverage", "period", period, 0, inclusive=False)
        check_range("DynamicWeightAverage", "temperature", temperature, 0, inclusive=False)
        self.period = period
        self.temperature = temperature

    def make_variables(self, num_tasks):
        self.sums, self.counts, self.newer, self.older, self.num_means = (
            self.add_weight(shape=(num_tasks,), initializer="zeros", trainable=False, name=name)
            for name in ("sums", "counts", "newer", "older", "num_means")
        )
        self.steps = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="steps"
        )

    def balance(self, losses, present, training):
        weights = self._weights()
        if training:
            self._remember(ops.stop_gradient(losses), present)
        return ops.sum(weights * losses), weights

    def _weights(self):
        newer, older = ops.convert_to_tensor(self.newer), ops.convert_to_tensor(self.older)
        known = ops.logical_and(
            ops.convert_to_tensor(self.num_means) >= 2.0, ops.not_equal(older, 0.0)
        )
        rates = ops.where(known, newer / ops.where(known, older, ops.ones_like(older)), 1.0)
        return len(self.task_names) * ops.softmax(rates / self.temperature)

    def _remember(self, losses, present):
        """Adds the step to the running period, and at its end moves the means on."""
        sums = ops.convert_to_tensor(self.sums) + losses
        counts = ops.convert_to_tensor(self.counts) + ops.cast(present, "float32")
        steps = ops.convert_to_tensor(self.steps) + ops.cast(ops.any(present), "int32")
        newer = ops.convert_to_tensor(self.newer)
        ended = steps >= self.period
        moves = ops.logical_and(ended, counts > 0.0)
        self.older.assign(ops.where(moves, newer, self.older.value))
        self.newer.assign(ops.where(moves, sums / ops.maximum(counts, 1.0), newer))
        self.num_means.assign(self.num_means.value + ops.cast(moves, "float32"))
        self.sums.assign(ops.where(ended, ops.zeros_like(sums), sums))
        self.counts.assign(ops.where(ended, ops.zeros_like(counts), counts))
        self.steps.assign(ops.where(ended, ops.zeros_like(steps), steps))

    def get_config(self):
        return {
            **super().get_config(),
            "period": self.period,
            "temperature": self.temperature,
        }
