"""Multiple-gradient descent algorithm."""

from keras import ops

from mtframework.balancing.active_sets import nonnegative_minimum
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import cosine_matrix, inverse_or_zero, norms_of, solvable
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("mgda")
class MultipleGradientDescent(GradientBalancer):
    """Takes the shortest vector between the gradients, along which every task improves.

    `argmin |Σ wᵢ·gᵢ|²` over `wᵢ >= 0, Σ wᵢ = 1`; found exactly, over all sets of tasks. The
    combination is an average, so it is shorter than the plain sum, and it leans to the task whose
    gradient is smallest. At most 12 tasks.

    Cost: the Gram matrix, one weighted sum, `2 ** num_tasks` small systems in one batch.

    Désidéri 2012, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization";
    Sener and Koltun 2018, "Multi-task learning as multi-objective optimization".

    Example:

    >>> balancer = MultipleGradientDescent()
    >>> combined = balancer.combine([[1.0, 0.0], [0.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [0.5, 0.5]
    """

    def weigh(self, gram, state=None, prepared=None):
        # In unit gradients yᵢ = wᵢ·|gᵢ| and up to a factor the problem is
        # min ½ yᵀCy − Σ yᵢ/|gᵢ|, y >= 0: as well conditioned as the cosines C, whatever the norms.
        inverse = inverse_or_zero(norms_of(gram))
        inverse = inverse / ops.maximum(ops.max(inverse), 1e-30)
        shares = nonnegative_minimum(solvable(cosine_matrix(gram)), inverse[:, None])[:, 0]
        weights = shares * inverse
        return weights / ops.maximum(ops.sum(weights), 1e-30), state
