"""The plain sum of the weighted losses."""

from keras import ops

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer


@register_loss_balancer("static")
class StaticWeights(LossBalancer):
    """Sums the losses, which come with their tasks' static weights: `Σ lossᵢ`. The default.

    Cost: none.

    Example:

    >>> balancer = StaticWeights()
    >>> balancer.build(["rating", "watch"])
    >>> float(balancer.weigh({"rating": 1.0, "watch": 3.0}, {"rating": True, "watch": True})[0])
    4.0
    """

    min_tasks = 1

    def balance(self, losses, present, training):
        return ops.sum(losses), ops.ones_like(losses)
