"""Nash bargaining between tasks."""

from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import (
    cosine_matrix,
    identity,
    inverse_or_zero,
    norms_of,
    present_tasks,
    solvable,
    solve_positive,
    times,
)
from mtframework.registry import register_gradient_balancer

NUM_STEPS = 16


@register_gradient_balancer("nash_mtl")
class NashBargaining(GradientBalancer):
    """Takes the step that the tasks would agree on in Nash's bargaining game.

    `G·w = 1 / w`, `w > 0`: the minimum of the convex `½·wᵀGw − Σ log wᵢ`, found by 16 damped Newton
    steps in unit gradients; so every step is solved from scratch, without the state, the
    approximation by a sequence of convex programs and the rarer updates that the paper needs for
    speed. A result longer than `max_norm` is shortened to it; its natural length is the square root
    of the number of tasks, whatever the losses' scale.

    Cost: the Gram matrix, one weighted sum, 16 small systems.

    Navon et al. 2022, "Multi-task learning as a bargaining game".

    Args:
        max_norm: The greatest length of the result; 0 for no limit.
        name: The layer's name.

    Example:

    >>> balancer = NashBargaining(max_norm=0.0)
    >>> combined = balancer.combine([[4.0, 0.0], [0.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [1.0, 1.0]
    """

    def __init__(self, max_norm: float = 1.0, name: str | None = None):
        super().__init__(name=name)
        fix = "Use the paper's 1.0, or 0 for no limit."
        self.max_norm = check_range("NashBargaining", "max_norm", max_norm, 0, True, fix=fix)

    def weigh(self, gram, state=None, prepared=None):
        present = present_tasks(gram)
        cosines = cosine_matrix(gram)
        shares = present * _bargain(solvable(cosines), present)
        weights = shares * inverse_or_zero(norms_of(gram))
        if self.max_norm > 0.0:
            length = ops.sqrt(ops.maximum(ops.sum(shares * times(cosines, shares)), 1e-30))
            weights = weights * ops.minimum(1.0, self.max_norm / length)
        return weights, state

    def get_config(self):
        return {**super().get_config(), "max_norm": self.max_norm}


def _bargain(matrix, present):
    """The positive solution `[num_tasks]` of `matrix · x = 1 / x`."""
    # The best multiple of (1, …, 1) is a start from which few steps are needed.
    total = ops.maximum(ops.sum(matrix), 1e-3)
    solution = ops.sqrt(matrix.shape[0] / total) * ops.ones_like(present)
    for _ in range(NUM_STEPS):
        inverse = 1.0 / solution
        slope = times(matrix, solution) - inverse
        curvature = matrix + identity(matrix.shape[0]) * ops.square(inverse)[None, :]
        # Scaled to a diagonal near one, as the solver wants it.
        scale = 1.0 / ops.sqrt(ops.diagonal(curvature))
        scaled = scale[:, None] * curvature * scale[None, :]
        step = scale * solve_positive(scaled, (scale * slope)[:, None])[:, 0]
        # Damped by the decrement, a step of a self-concordant function never leaves its domain.
        decrement = ops.sqrt(ops.maximum(ops.sum(slope * step), 0.0))
        solution = ops.maximum(solution - step / (1.0 + decrement), 1e-3 * solution)
    return solution
