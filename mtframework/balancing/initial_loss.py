"""Losses as shares of where they began."""

from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer

SMALLEST_LOSS = 1e-8


@register_loss_balancer("initial_loss")
class InitialLossWeights(LossBalancer):
    """Divides each loss by its mean over its first steps, and sums.

    `Σ lossᵢ / firstᵢ`: every task begins at 1, whatever its loss's units. A task's first steps are
    those in which it is present; while they last, the mean so far serves. Losses must be positive.
    Static weights have no effect, since they scale a loss's beginning too.

    Cost: two variables a task.

    The normalisation of losses by their initial values, as in the training rates of Chen et al.
    2018, "GradNorm: gradient normalization for adaptive loss balancing in deep multitask networks".

    Args:
        num_steps: How many first steps to average.
        name: The layer's name.

    Example:

    >>> balancer = InitialLossWeights()
    >>> balancer.build(["rating", "watch"])
    >>> present = {"rating": True, "watch": True}
    >>> float(balancer.weigh({"rating": 1.0, "watch": 4.0}, present, training=True)[0])
    2.0
    >>> float(balancer.weigh({"rating": 0.5, "watch": 3.0}, present, training=True)[0])
    1.25
    """

    def __init__(self, num_steps: int = 1, name: str | None = None):
        super().__init__(name=name)
        check_range("InitialLossWeights", "num_steps", num_steps, 0, inclusive=False)
        self.num_steps = num_steps

    def make_variables(self, num_tasks):
        self.sums, self.counts = (
            self.add_weight(shape=(num_tasks,), initializer="zeros", trainable=False, name=name)
            for name in ("sums", "counts")
        )

    def balance(self, losses, present, training):
        sums, counts = ops.convert_to_tensor(self.sums), ops.convert_to_tensor(self.counts)
        if training:
            first = ops.logical_and(present, counts < self.num_steps)
            sums = ops.where(first, sums + ops.stop_gradient(losses), sums)
            counts = counts + ops.cast(first, "float32")
            self.sums.assign(sums)
            self.counts.assign(counts)
        means = ops.maximum(sums / ops.maximum(counts, 1.0), SMALLEST_LOSS)
        weights = ops.where(counts > 0.0, 1.0 / means, ops.ones_like(means))
        return ops.sum(weights * losses), weights

    def get_config(self):
        return {**super().get_config(), "num_steps": self.num_steps}
