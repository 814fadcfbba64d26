"""Impartial multi-task learning, loss balance."""

from keras import ops

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer


@register_loss_balancer("imtl_l")
class ImpartialLosses(LossBalancer):
    """Learns a scale per task that brings every scaled loss to 1.

    `Σ (exp(sᵢ)·lossᵢ − sᵢ)`, with the trainable log scales `s`, which start at zero. Where training
    settles, `exp(sᵢ) = 1 / lossᵢ`. Losses must be positive.

    Cost: one variable a task.

    Liu et al. 2021, "Towards impartial multi-task learning".

    Example:

    >>> balancer = ImpartialLosses()
    >>> balancer.build(["rating", "watch"])
    >>> losses, present = {"rating": 1.0, "watch": 3.0}, {"rating": True, "watch": True}
    >>> total, weights = balancer.weigh(losses, present)
    >>> float(ops.stop_gradient(total))
    4.0
    """

    def make_variables(self, num_tasks):
        self.log_scales = self.add_weight(
            shape=(num_tasks,), initializer="zeros", name="log_scales"
        )

    def balance(self, losses, present, training):
        log_scales = ops.convert_to_tensor(self.log_scales)
        weights = ops.exp(log_scales)
        terms = weights * losses - log_scales
        return ops.sum(ops.where(present, terms, ops.zeros_like(terms))), weights
