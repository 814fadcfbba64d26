"""Weights from learned uncertainties."""

from keras import ops

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer


@register_loss_balancer("uncertainty")
class UncertaintyWeights(LossBalancer):
    """Learns a variance per task, and trusts a task the less the larger it is.

    `Σ ½·(exp(−sᵢ)·lossᵢ + sᵢ)`, with the trainable log variances `s`, which start at zero. Where
    training settles, `exp(sᵢ) = lossᵢ`. Weighting a loss statically only shifts its `s`.

    Cost: one variable a task.

    Kendall et al. 2018, "Multi-task learning using uncertainty to weigh losses for scene geometry
    and semantics".

    Example:

    >>> balancer = UncertaintyWeights()
    >>> balancer.build(["rating", "watch"])
    >>> losses, present = {"rating": 1.0, "watch": 3.0}, {"rating": True, "watch": True}
    >>> total, weights = balancer.weigh(losses, present)
    >>> float(ops.stop_gradient(total))
    2.0
    """

    def make_variables(self, num_tasks):
        self.log_variances = self.add_weight(
            shape=(num_tasks,), initializer="zeros", name="log_variances"
        )

    def balance(self, losses, present, training):
        log_variances = ops.convert_to_tensor(self.log_variances)
        weights = 0.5 * ops.exp(-log_variances)
        terms = weights * losses + 0.5 * log_variances
        return ops.sum(ops.where(present, terms, ops.zeros_like(terms))), weights
