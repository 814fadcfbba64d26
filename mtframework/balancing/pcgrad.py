"""Projecting conflicting gradients."""

import keras
from keras import ops

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import cosine_matrix, identity, inverse_or_zero, norms_of
from mtframework.balancing.projection_order import random_order, visits
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("pcgrad")
class ProjectConflicting(GradientBalancer):
    """Removes from each gradient what points against another task's gradient, and sums.

    For each task i, over the other tasks j in random order: where `gᵢ·gⱼ < 0`, `gᵢ ← gᵢ − (gᵢ·gⱼ /
    |gⱼ|²)·gⱼ`, with the original `gⱼ`. Without conflict the result is the plain sum.

    Cost: the Gram matrix, one weighted sum, `num_tasks` small steps.

    Yu et al. 2020, "Gradient surgery for multi-task learning".

    Args:
        seed: Of the random order; None takes one at random.
        name: The layer's name.

    Example:

    >>> balancer = ProjectConflicting()
    >>> combined = balancer.combine([[1.0, 0.0], [-1.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [0.5, 1.5]
    """

    def __init__(self, seed: int | None = None, name: str | None = None):
        super().__init__(name=name)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def prepare(self, num_tasks, size):
        return random_order(num_tasks, self.seed_generator)

    def weigh(self, gram, state=None, prepared=None):
        cosines, norms = cosine_matrix(gram), norms_of(gram)
        # Row i: task i's gradient in unit gradients, in units of its own norm.
        parts = identity(gram.shape[0])
        for met in visits(prepared):
            along = ops.sum(parts[:, :, None] * cosines[None] * met[:, None, :], axis=(1, 2))
            parts = parts - ops.minimum(along, 0.0)[:, None] * met
        return ops.sum(norms[:, None] * parts, axis=0) * inverse_or_zero(norms), state

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
