"""Gradient normalisation."""

import numpy as np
from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import norms_of, present_tasks
from mtframework.registry import register_gradient_balancer

SMALLEST_WEIGHT = 1e-3


@register_gradient_balancer("gradnorm")
class GradientNormalisation(GradientBalancer):
    """Learns task weights under which every task trains at the same pace.

    The weighted norm `wᵢ·|gᵢ|` of each task is drawn to `mean(w·|g|) · rᵢ^asymmetry`. `rᵢ` is the
    task's loss, as a share of its first loss, relative to the mean of these shares: 1 for a task at
    the common pace. The weights take the gradient step of `Σ |wᵢ·|gᵢ| − goalᵢ|`, with norms
    relative to their mean so that the losses' scale does not matter, and keep their sum. They start
    at 1.

    Departures from the paper: the pace is that of the step before, since the backward pass at the
    shared representation comes when this step's losses are gone, and the weights take plain steps
    rather than the model optimizer's.

    State: the weights, `[num_tasks]`. Cost: the Gram matrix, one weighted sum.

    Chen et al. 2018, "GradNorm: gradient normalization for adaptive loss balancing in deep
    multitask networks".

    Args:
        asymmetry: How strongly slow tasks are helped; the paper's α. 0 makes all norms equal.
        learning_rate: Of the weights.
        name: The layer's name.

    Example:

    >>> balancer = GradientNormalisation()
    >>> combined = balancer.combine([[1.0, 0.0], [0.0, 3.0]])
    >>> [round(float(value), 3) for value in combined]
    [1.0, 3.0]
    """

    def __init__(
        self, asymmetry: float = 1.5, learning_rate: float = 0.025, name: str | None = None
    ):
        super().__init__(name=name)
        check_range("GradientNormalisation", "asymmetry", asymmetry, 0, inclusive=True)
        check_range("GradientNormalisation", "learning_rate", learning_rate, 0, inclusive=False)
        self.asymmetry = asymmetry
        self.learning_rate = learning_rate

    def make_variables(self, num_tasks):
        # Zero: not seen yet.
        self.first_losses, self.last_losses = (
            self.add_weight(shape=(num_tasks,), initializer="zeros", trainable=False, name=name)
            for name in ("first_losses", "last_losses")
        )

    def initial_state(self, num_tasks):
        return np.ones(num_tasks, dtype="float32")

    def observe(self, losses, present):
        first, last = self._seen_losses()
        losses = ops.stop_gradient(losses)
        new = ops.logical_and(present, ops.equal(first, 0.0))
        self.first_losses.assign(ops.where(new, losses, first))
        self.last_losses.assign(ops.where(present, losses, last))

    def prepare(self, num_tasks, size):
        first, last = self._seen_losses()
        seen = ops.not_equal(first, 0.0)
        share = ops.where(seen, last / ops.where(seen, first, ops.ones_like(first)), 0.0)
        count = ops.maximum(ops.sum(ops.cast(seen, "float32")), 1.0)
        mean = ops.maximum(ops.sum(share) / count, 1e-30)
        return ops.where(seen, ops.maximum(share / mean, 0.0), ops.ones_like(share))

    def weigh(self, gram, state=None, prepared=None):
        present = present_tasks(gram)
        count = ops.maximum(ops.sum(present), 1.0)
        norms = norms_of(gram)
        norms = norms / ops.maximum(ops.sum(norms) / count, 1e-30)
        weighted = state * norms
        goal = ops.sum(weighted) / count * ops.power(prepared, self.asymmetry)
        moved = state - self.learning_rate * ops.sign(weighted - goal) * norms
        moved = ops.where(present > 0.0, ops.maximum(moved, SMALLEST_WEIGHT), state)
        # The present tasks keep the sum of their weights, so that an absent one keeps its own.
        factor = ops.sum(present * state) / ops.maximum(ops.sum(present * moved), 1e-30)
        return state, ops.where(present > 0.0, moved * factor, state)

    def _seen_losses(self):
        return ops.convert_to_tensor(self.first_losses), ops.convert_to_tensor(self.last_losses)

    def get_config(self):
        return {
            **super().get_config(),
            "asymmetry": self.asymmetry,
            "learning_rate": self.learning_rate,
        }
