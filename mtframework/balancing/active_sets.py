"""Exact solutions of the small problems over `weights >= 0` that MGDA, CAGrad and UPGrad pose.

Such a problem is solved by choosing which weights are positive; given the choice, a linear system
gives them. For a handful of tasks all choices fit in one batch: `2 ** num_tasks` systems, solved at
once, of which the one that meets the conditions of optimality (Karush, Kuhn, Tucker) best is
taken. Nothing iterates, so nothing fails to converge, and rounding cannot make it cycle.
"""

import itertools

import numpy as np
from keras import ops

from mtframework.balancing.gram import identity, solve_positive
from mtframework.errors import ModelError

MAX_TASKS = 12  # 4,096 systems of 12 × 12


def all_sets(num_tasks):
    """Returns a `[2 ** num_tasks, num_tasks]` float mask of every set of tasks, the empty one too.

    Raises:
        ModelError: There are more than 12 tasks.
    """
    if num_tasks > MAX_TASKS:
        raise ModelError(
            f"The gradient balancer tries every set of tasks, and there are {num_tasks} tasks.",
            f"At most {MAX_TASKS} tasks.",
            "Use a balancer whose cost grows more slowly: pcgrad, nash_mtl, imtl_g or aligned_mtl.",
        )
    sets = np.array(list(itertools.product((0.0, 1.0), repeat=num_tasks)), dtype="float32")
    return ops.convert_to_tensor(sets)


def restricted_solutions(matrix, right, sets):
    """Solves `matrix · y = right` on every set: `[sets, num_tasks, k]`, zero outside of the set.

    Args:
        matrix: `[num_tasks, num_tasks]`, positive definite.
        right: `[num_tasks, k]`.
        sets: `[sets, num_tasks]`, from `all_sets`.
    """
    inside = sets[:, :, None] * sets[:, None, :]
    outside = 1.0 - sets
    systems = inside * matrix[None] + identity(matrix.shape[0])[None] * outside[:, :, None]
    return solve_positive(systems, sets[:, :, None] * right[None])


def best_of(candidates, slacks, sets):
    """Returns, for each problem, the candidate that violates optimality least.

    Args:
        candidates: `[sets, num_tasks, k]`; an optimum is nowhere negative.
        slacks: `[sets, num_tasks, k]`, the gradient of the objective, in which an optimum is
            nowhere negative outside of its set (inside it is zero).
        sets: `[sets, num_tasks]`.

    Returns:
        `[num_tasks, k]`, what rounding left negative set to zero.
    """
    # Of the same scale as the candidate, since one may be large and exact to the same digits.
    size = ops.maximum(ops.max(ops.abs(candidates), axis=1), 1.0)
    negative = ops.max(ops.relu(-candidates), axis=1)
    improvable = ops.max(ops.relu(-slacks) * (1.0 - sets)[:, :, None], axis=1)
    violation = (negative + improvable) / size
    violation = ops.where(ops.isfinite(violation), violation, ops.full_like(violation, np.inf))
    chosen = ops.one_hot(ops.argmin(violation, axis=0), sets.shape[0], axis=0, dtype="float32")
    safe = ops.where(ops.isfinite(candidates), candidates, ops.zeros_like(candidates))
    return ops.relu(ops.sum(chosen[:, None, :] * safe, axis=0))


def nonnegative_minimum(matrix, linear):
    """Returns `argmin ½ yᵀ·matrix·y − linearᵀ·y` over `y >= 0`, for every column of `linear`.

    Args:
        matrix: `[num_tasks, num_tasks]`, positive definite, with a diagonal near one.
        linear: `[num_tasks, k]`.

    Returns:
        `[num_tasks, k]`.
    """
    sets = all_sets(matrix.shape[0])
    candidates = restricted_solutions(matrix, linear, sets)
    products = ops.sum(matrix[None, :, :, None] * candidates[:, None, :, :], axis=2)
    return best_of(candidates, products - linear[None], sets)
