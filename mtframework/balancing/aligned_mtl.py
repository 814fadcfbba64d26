"""Independent component alignment."""

import numpy as np
from keras import ops

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import eigen, preference
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("aligned_mtl")
class AlignedGradients(GradientBalancer):
    """Makes the principal components of the gradients equally long, and averages.

    With `G = V·Λ·Vᵀ` the Gram matrix: weights `√λ_min · V·Λ^(-1/2)·Vᵀ·(1/n)`, over the components
    that are not null. Conflict and dominance vanish; what is left is as long as the shortest
    component.

    Cost: the Gram matrix, one weighted sum, a small eigenvalue problem.

    Senushkin et al. 2023, "Independent component alignment for multi-task learning".

    Example:

    >>> balancer = AlignedGradients()
    >>> combined = balancer.combine([[4.0, 0.0], [0.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [0.5, 0.5]
    """

    def weigh(self, gram, state=None, prepared=None):
        values, vectors, kept = eigen(gram)
        mean = preference(gram)
        smallest = ops.min(ops.where(kept, values, ops.full_like(values, np.inf)))
        ratio = smallest / ops.where(kept, values, ops.ones_like(values))
        scale = ops.where(kept, ops.sqrt(ops.where(kept, ratio, ops.ones_like(ratio))), 0.0)
        coordinates = ops.sum(vectors * mean[:, None], axis=0)
        return ops.sum(vectors * (scale * coordinates)[None, :], axis=1), state
