"""Unconflicting projection of gradients."""

from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.active_sets import nonnegative_minimum
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import identity, preference
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("upgrad")
class UnconflictingProjection(GradientBalancer):
    """Projects every gradient on the cone in which no task gets worse, and averages.

    Each projection is `argmin vᵀGv` over `v >= uᵢ`, with `G` the Gram matrix divided by its trace
    plus `regularization` on the diagonal, and `uᵢ` the task's share of the mean; found exactly.
    Without conflict the result is the mean of the gradients. At most 12 tasks.

    Cost: the Gram matrix, one weighted sum, `2 ** num_tasks` small systems in one batch.

    Quinton and Rey 2024, "Jacobian descent for multi-objective optimization".

    Args:
        regularization: What is added to the diagonal, relative to the trace.
        name: The layer's name.

    Example:

    >>> balancer = UnconflictingProjection()
    >>> combined = balancer.combine([[1.0, 0.0], [0.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [0.5, 0.5]
    """

    def __init__(self, regularization: float = 1e-4, name: str | None = None):
        super().__init__(name=name)
        fix = "Leave it at 1e-4, or choose a small positive one."
        self.regularization = check_range(
            "UnconflictingProjection", "regularization", regularization, 0, False, fix=fix
        )

    def weigh(self, gram, state=None, prepared=None):
        share = preference(gram)
        trace = ops.maximum(ops.sum(ops.diagonal(gram)), 1e-30)
        matrix = gram / trace + self.regularization * identity(gram.shape[0])
        # v = u + scale·y turns the bound into y >= 0 and the diagonal into ones.
        scale = 1.0 / ops.sqrt(ops.diagonal(matrix))
        unit = scale[:, None] * matrix * scale[None, :]
        excess = nonnegative_minimum(unit, -scale[:, None] * matrix * share[None, :])
        return share + scale * ops.sum(excess * ops.cast(share > 0.0, "float32"), axis=1), state

    def get_config(self):
        return {**super().get_config(), "regularization": self.regularization}
