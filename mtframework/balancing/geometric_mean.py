"""The geometric mean of the losses."""

from keras import ops

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer

SMALLEST_LOSS = 1e-8


@register_loss_balancer("geometric_mean")
class GeometricMean(LossBalancer):
    """Minimises the geometric mean of the losses, which no task's scale can dominate.

    `(Π lossᵢ)^(1/n)` over the n present tasks; a loss has the weight `total / (n·lossᵢ)`. Losses
    must be positive: below 1e-8 a loss counts as 1e-8 and is not trained. Static weights scale the
    total alone, and do not shift the balance.

    Cost: none.

    Chennupati et al. 2019, "MultiNet++: multi-stream feature aggregation and geometric loss
    strategy for multi-task learning".

    Example:

    >>> balancer = GeometricMean()
    >>> balancer.build(["rating", "watch"])
    >>> float(balancer.weigh({"rating": 1.0, "watch": 4.0}, {"rating": True, "watch": True})[0])
    2.0
    """

    def balance(self, losses, present, training):
        share = ops.cast(present, "float32")
        share = share / ops.maximum(ops.sum(share), 1.0)
        safe = ops.where(present, ops.maximum(losses, SMALLEST_LOSS), ops.ones_like(losses))
        total = ops.where(ops.any(present), ops.exp(ops.sum(share * ops.log(safe))), 0.0)
        trained = ops.cast(losses > SMALLEST_LOSS, "float32")
        return total, ops.stop_gradient(trained * share * total / safe)
