"""Impartial multi-task learning, gradient balance."""

from keras import ops

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import eigen, norms_of
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("imtl_g")
class ImpartialGradients(GradientBalancer):
    """Takes the combination that has the same projection on every task's gradient direction.

    `v = G⁺·d`, `d` the gradients' norms, `G⁺` the pseudo-inverse of the Gram matrix; weights `v / Σ
    v`, so the combination is an average. Weights can be negative. Where the `v` cancel out
    (opposite gradients), all weights are zero.

    Cost: the Gram matrix, one weighted sum, a small eigenvalue problem.

    Liu et al. 2021, "Towards impartial multi-task learning".

    Example:

    >>> balancer = ImpartialGradients()
    >>> combined = balancer.combine([[2.0, 0.0], [0.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [0.667, 0.667]
    """

    def weigh(self, gram, state=None, prepared=None):
        values, vectors, kept = eigen(gram)
        inverse = ops.where(kept, 1.0 / ops.where(kept, values, ops.ones_like(values)), 0.0)
        coordinates = ops.sum(vectors * norms_of(gram)[:, None], axis=0)
        weights = ops.sum(vectors * (inverse * coordinates)[None, :], axis=1)
        total = ops.sum(weights)
        cancel = ops.abs(total) <= 1e-6 * ops.sum(ops.abs(weights))
        safe = ops.where(cancel, ops.ones_like(total), total)
        return ops.where(cancel, ops.zeros_like(weights), weights / safe), state
