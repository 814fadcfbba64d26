"""Weights from learned uncertainties."""

import math

import keras
from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer


@register_loss_balancer("uncertainty")
class UncertaintyWeights(LossBalancer):
    """Learns a variance per task, and trusts a task the less the larger it is.

    `Σ ½·(exp(−sᵢ)·lossᵢ + sᵢ)`, with the trainable log variances `s`, which start at zero. Where
    training settles, `exp(sᵢ) = lossᵢ`. Weighting a loss statically only shifts its `s`.

    A task that is solved has a loss near zero, for which the weight `½·exp(−sᵢ)` would grow without
    end: after each step `s` is put back to where the weight is `max_weight`.

    Cost: one variable a task.

    Kendall et al. 2018, "Multi-task learning using uncertainty to weigh losses for scene geometry
    and semantics".

    Args:
        max_weight: The largest weight that a task can get; above 0.5, where all begin.
        name: The balancer's name.

    Example:

    >>> balancer = UncertaintyWeights()
    >>> balancer.build(["rating", "watch"])
    >>> losses, present = {"rating": 1.0, "watch": 3.0}, {"rating": True, "watch": True}
    >>> total, weights = balancer.weigh(losses, present)
    >>> float(ops.stop_gradient(total))
    2.0
    """

    def __init__(self, max_weight: float = 1000.0, name: str | None = None):
        super().__init__(name=name)
        check_range("UncertaintyWeights", "max_weight", max_weight, 0.5, inclusive=False)
        self.max_weight = max_weight

    def make_variables(self, num_tasks):
        self.log_variances = self.add_weight(
            shape=(num_tasks,),
            initializer="zeros",
            constraint=_AtLeast(-math.log(2 * self.max_weight)),
            name="log_variances",
        )

    def balance(self, losses, present, training):
        log_variances = ops.convert_to_tensor(self.log_variances)
        weights = 0.5 * ops.exp(-log_variances)
        terms = weights * losses + 0.5 * log_variances
        return ops.sum(ops.where(present, terms, ops.zeros_like(terms))), weights

    def get_config(self):
        return {**super().get_config(), "max_weight": self.max_weight}


class _AtLeast(keras.constraints.Constraint):
    def __init__(self, bound: float):
        self.bound = bound

    def __call__(self, w):
        return ops.maximum(w, self.bound)
