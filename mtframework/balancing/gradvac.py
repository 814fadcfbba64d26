"""Gradient vaccine."""

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import cosine_matrix, identity, inverse_or_zero, norms_of
from mtframework.balancing.projection_order import random_order, visits
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("gradvac")
class GradientVaccine(GradientBalancer):
    """Turns each gradient until its cosine with another task's reaches that pair's usual cosine.

    For each task i, over the other tasks j in random order, with `φ` the cosine of the (changed)
    `gᵢ` and `gⱼ` and `φ̂` its running mean: where `φ < φ̂`, `gᵢ ← gᵢ + |gᵢ|·(φ̂·√(1−φ²) −
    φ·√(1−φ̂²)) / (|gⱼ|·√(1−φ̂²)) · gⱼ`; then `φ̂ ← (1 − momentum)·φ̂ + momentum·φ`. The means start
    at zero, where the method is PCGrad.

    State: the means, `[num_tasks · num_tasks]`. Cost: the Gram matrix, one weighted sum,
    `num_tasks` small steps.

    Wang et al. 2021, "Gradient vaccine: investigating and improving multi-task optimization in
    massively multilingual models".

    Args:
        momentum: The weight of the newest cosine in the mean.
        seed: Of the random order; None takes one at random.
        name: The layer's name.

    Example:

    >>> balancer = GradientVaccine()
    >>> combined = balancer.combine([[1.0, 0.0], [-1.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [0.5, 1.5]
    """

    def __init__(self, momentum: float = 0.01, seed: int | None = None, name: str | None = None):
        super().__init__(name=name)
        fix = "Use the paper's 0.01, or 0.5 to follow the gradients faster."
        self.momentum = check_range(
            "GradientVaccine", "momentum", momentum, 0, True, high=1, fix=fix
        )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def initial_state(self, num_tasks):
        return np.zeros(num_tasks * num_tasks, dtype="float32")

    def prepare(self, num_tasks, size):
        return random_order(num_tasks, self.seed_generator)

    def weigh(self, gram, state=None, prepared=None):
        num_tasks = gram.shape[0]
        cosines, norms = cosine_matrix(gram), norms_of(gram)
        present = ops.cast(norms > 0.0, "float32")
        usual = ops.reshape(state, (num_tasks, num_tasks))
        # Row i: task i's gradient in unit gradients, in units of its own norm.
        parts = identity(num_tasks)
        for met in visits(prepared):
            met = met * present[None, :] * present[:, None]
            products = ops.sum(parts[:, :, None] * cosines[None], axis=1)
            length = ops.sqrt(ops.maximum(ops.sum(products * parts, axis=1), 0.0))
            cosine = ops.sum(products * met, axis=1) * inverse_or_zero(length)
            cosine = ops.clip(cosine, -1.0, 1.0)
            goal = ops.sum(usual * met, axis=1)
            parts = parts + (length * _turn(cosine, goal))[:, None] * met
            usual = usual + self.momentum * met * (cosine - goal)[:, None]
        weights = ops.sum(norms[:, None] * parts, axis=0) * inverse_or_zero(norms)
        return weights, ops.reshape(usual, (num_tasks * num_tasks,))

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "seed": self.seed}


def _turn(cosine, goal):
    """How much of the met unit gradient lifts the cosine to the goal; 0 where it is there."""
    # A goal of exactly 1 cannot be reached by adding a finite part.
    goal_sine = ops.sqrt(ops.maximum(1.0 - ops.square(goal), 1e-12))
    sine = ops.sqrt(ops.maximum(1.0 - ops.square(cosine), 0.0))
    turn = (goal * sine - cosine * goal_sine) / goal_sine
    return ops.where(cosine < goal, turn, ops.zeros_like(turn))
