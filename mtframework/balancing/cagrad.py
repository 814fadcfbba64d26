"""Conflict-averse gradient descent."""

from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.active_sets import all_sets, best_of, restricted_solutions
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import (
    cosine_matrix,
    inverse_or_zero,
    norms_of,
    preference,
    solvable,
    times,
)
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("cagrad")
class ConflictAverse(GradientBalancer):
    """Turns the mean gradient, within a radius, to what helps the worst-off task most.

    With `g₀` the mean and `c` the radius: `g₀ + c·|g₀|·g_w / |g_w|`, where `g_w = Σ wᵢ·gᵢ` and `w`
    is the `argmin g_w·g₀ + c·|g₀|·|g_w|` over `wᵢ >= 0, Σ wᵢ = 1`. On each set of tasks the optimum
    has a closed form, so it is found exactly. Radius 0 is the mean; a radius of 1 or more is close
    to MGDA. At most 12 tasks.

    Cost: the Gram matrix, one weighted sum, `2 ** num_tasks` small systems in one batch.

    Liu et al. 2021, "Conflict-averse gradient descent for multi-task learning".

    Args:
        radius: How far the result may turn from the mean, as a share of its norm; the paper's c.
        name: The layer's name.

    Example:

    >>> balancer = ConflictAverse(radius=0.0)
    >>> combined = balancer.combine([[1.0, 0.0], [0.0, 1.0]])
    >>> [round(float(value), 3) for value in combined]
    [0.5, 0.5]
    """

    def __init__(self, radius: float = 0.5, name: str | None = None):
        super().__init__(name=name)
        fix = "Choose one between 0 and 1; the paper uses 0.4 and 0.5."
        self.radius = check_range("ConflictAverse", "radius", radius, 0, True, fix=fix)

    def weigh(self, gram, state=None, prepared=None):
        mean = preference(gram)
        if self.radius == 0.0:
            return mean, state
        norms = norms_of(gram)
        inverse = inverse_or_zero(norms)
        mean_norm = ops.sqrt(ops.maximum(ops.sum(mean * times(gram, mean)), 0.0))
        to_mean = times(gram, mean) * inverse * inverse_or_zero(mean_norm)
        relative = inverse / ops.maximum(ops.max(inverse), 1e-30)
        matrix = solvable(cosine_matrix(gram))
        shares = self._worst_case(matrix, to_mean, relative)
        length = ops.sqrt(ops.maximum(ops.sum(shares * times(matrix, shares)), 0.0))
        turn = self.radius * mean_norm * shares * inverse * inverse_or_zero(length)
        return mean + turn, state

    def _worst_case(self, matrix, to_mean, relative):
        """`argmin to_mean·y + radius·√(yᵀ·matrix·y)` over `y >= 0, relative·y = 1`: `[num_tasks]`.

        In unit gradients, yᵢ = wᵢ·|gᵢ|, and in units of |g₀|, so that no norm is left. Where only
        the tasks of a set are positive, setting the gradient to `μ · relative` gives y =
        P(μ·relative − to_mean) / root, P the inverse of the matrix on the set.
        """
        sets = all_sets(matrix.shape[0])
        right = ops.stack([relative, to_mean], axis=-1)
        solved = restricted_solutions(matrix, right, sets)
        of_relative, of_mean = solved[..., 0], solved[..., 1]
        a = ops.sum(relative * of_relative, axis=-1, keepdims=True)
        b = ops.sum(relative * of_mean, axis=-1, keepdims=True)
        rest = self.radius**2 - ops.sum(to_mean * of_mean, axis=-1, keepdims=True)
        root_squared = ops.square(b) + a * rest
        # Where the root is not real the objective falls without bound on the set's plane, so the
        # optimum is on another set: the division by zero marks the candidate as none.
        root = ops.sqrt(ops.maximum(root_squared, 0.0))
        multiplier = (b + root) / a
        candidates = (multiplier * of_relative - of_mean) / root
        length = self.radius / root
        slacks = (
            to_mean + self.radius * times(matrix[None], candidates) / length - multiplier * relative
        )
        return best_of(candidates[..., None], slacks[..., None], sets)[:, 0]

    def get_config(self):
        return {**super().get_config(), "radius": self.radius}
