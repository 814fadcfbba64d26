"""Random weights."""

import keras
from keras import ops

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer


@register_loss_balancer("random")
class RandomWeights(LossBalancer):
    """Weighs the losses at random, newly drawn in every step: a baseline that others have to beat.

    Weights `softmax(z)` over the present tasks, `z` standard normal; outside of training their
    mean, equal weights. They sum to 1.

    Cost: one random number a task.

    Lin et al. 2022, "Reasonable effectiveness of random weighting: a litmus test for multi-task
    learning".

    Args:
        seed: Of the random numbers; None takes one at random.
        name: The layer's name.

    Example:

    >>> balancer = RandomWeights(seed=0)
    >>> balancer.build(["rating", "watch"])
    >>> losses, present = {"rating": 1.0, "watch": 3.0}, {"rating": True, "watch": True}
    >>> 1.0 < float(balancer.weigh(losses, present, training=True)[0]) < 3.0
    True
    """

    def __init__(self, seed: int | None = None, name: str | None = None):
        super().__init__(name=name)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def balance(self, losses, present, training):
        scores = ops.zeros_like(losses)
        if training:
            scores = keras.random.normal((len(self.task_names),), seed=self.seed_generator)
        # As softmax; an absent task has no part in the sum.
        parts = ops.exp(scores - ops.max(scores)) * ops.cast(present, "float32")
        weights = parts / ops.maximum(ops.sum(parts), 1e-30)
        return ops.sum(weights * losses), weights

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
