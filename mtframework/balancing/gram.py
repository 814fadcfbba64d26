"""Small linear algebra on the Gram matrix of the tasks' gradients, alike on every backend.

Everything here works on `[num_tasks, num_tasks]` matrices in float32 and in a fixed number of
steps, so that it can be traced and compiled anywhere. The gradients of different tasks often
differ by orders of magnitude, so the functions first divide by the norms: a Gram matrix in float32
tells cosines to about 1e-7 whatever the norms are.
"""

import numpy as np
from keras import ops

# A direction counts as null where its energy is below this share of what its parts would have if
# they were orthogonal; rounding in a Gram matrix of 1e6 terms stays below it.
NULL_SHARE = 1e-5

RIDGE = 1e-6


def gram_matrix(gradients):
    """Returns the inner products `[num_tasks, num_tasks]` of the tasks' gradients.

    A product that is not finite becomes zero, so that no method meets a NaN in its solver; the
    combination, which multiplies the gradients themselves, still carries the NaN to the user.

    Args:
        gradients: A sequence of `num_tasks` vectors `[size]`.
    """
    rows = [ops.cast(row, "float32") for row in gradients]
    # Pair by pair: a matrix product of so few and so long rows is two to three times slower on
    # a CPU, and on accelerators it may be rounded to fewer bits.
    products = [[ops.sum(one * other) for other in rows[: i + 1]] for i, one in enumerate(rows)]
    gram = ops.stack(
        [products[max(i, j)][min(i, j)] for i in range(len(rows)) for j in range(len(rows))]
    )
    gram = ops.reshape(gram, (len(rows), len(rows)))
    return ops.where(ops.isfinite(gram), gram, ops.zeros_like(gram))


def weighted_sum(weights, gradients):
    """Returns `Σ weights[i] · gradients[i]`, `[size]`; weights: `[num_tasks]`, gradients alike."""
    return sum(weight * row for weight, row in zip(_entries(weights), gradients, strict=True))


def _entries(vector):
    return ops.unstack(vector, num=vector.shape[0])


def identity(size):
    return ops.convert_to_tensor(np.eye(size, dtype="float32"))


def norms_of(gram):
    """Returns the norms `[num_tasks]` of the gradients."""
    return ops.sqrt(ops.diagonal(gram))


def present_tasks(gram):
    """Returns a `[num_tasks]` float mask: 1 where the task has a gradient, 0 where all is zero."""
    return ops.cast(ops.diagonal(gram) > 0.0, "float32")


def inverse_or_zero(values):
    """Returns `1 / values`, and 0 where a value is 0."""
    nonzero = ops.not_equal(values, 0.0)
    return ops.where(nonzero, 1.0 / ops.where(nonzero, values, ops.ones_like(values)), 0.0)


def cosine_matrix(gram):
    """Returns the cosines `[num_tasks, num_tasks]`; rows of absent tasks are zero."""
    inverse = inverse_or_zero(norms_of(gram))
    return ops.clip(gram * inverse[:, None] * inverse[None, :], -1.0, 1.0)


def solvable(cosines):
    """Returns the cosine matrix with ones for absent tasks on the diagonal, and a slight ridge.

    The ridge (1e-6) keeps parallel and opposite gradients solvable; it moves a combination by about
    as much as float32 rounding does.
    """
    diagonal = ops.diagonal(cosines)
    missing = ops.where(diagonal > 0.0, ops.zeros_like(diagonal), ops.ones_like(diagonal))
    eye = identity(cosines.shape[0])
    return cosines + eye * (missing + RIDGE)[None, :]


def preference(gram):
    """Returns `1 / number of present tasks` for the present tasks, 0 for the absent ones."""
    present = present_tasks(gram)
    return present / ops.maximum(ops.sum(present), 1.0)


def times(matrix, vector):
    """Returns the product `[..., n, n] · [..., n] -> [..., n]`, exact in float32 on accelerators.

    A matrix product would be rounded to fewer bits on hardware that does so by default.
    """
    return ops.sum(matrix * vector[..., None, :], axis=-1)


def solve_positive(matrix, right):
    """Solves positive definite systems: `[..., n, n]`, `[..., n, k]` → `[..., n, k]`.

    Gauss-Jordan elimination without pivoting, which positive definite matrices do not need. A pivot
    that rounding makes tiny or negative is raised, where a library routine would stop the run.
    """
    size = matrix.shape[-1]
    eye = identity(size)
    rows = ops.concatenate([matrix, right], axis=-1)
    for index in range(size):
        pivot = ops.maximum(rows[..., index : index + 1, index : index + 1], 0.1 * RIDGE)
        pivot_row = rows[..., index : index + 1, :] / pivot
        column = rows[..., :, index : index + 1]
        chosen = eye[:, index : index + 1]
        rows = (1.0 - chosen) * (rows - column * pivot_row) + chosen * pivot_row
    return rows[..., size:]


def eigen(gram, num_sweeps=5):
    """Returns eigenvalues `[n]`, eigenvectors `[n, n]` (in columns), and which are not null `[n]`.

    Jacobi's method. Unlike a library's `eigh` it finds the small eigenvalues of a badly scaled Gram
    matrix to full relative precision, and it compiles on every backend. Each round rotates
    `n // 2` disjoint pairs at once; `n - 1` rounds (`n` where odd) meet every pair once.
    """
    size = gram.shape[0]
    matrix, vectors = gram, identity(size)
    for partners, first in _rounds(size) * num_sweeps:
        rotation = _rotation(matrix, partners, first)
        matrix = _product(_product(ops.transpose(rotation), matrix), rotation)
        matrix = 0.5 * (matrix + ops.transpose(matrix))
        vectors = _product(vectors, rotation)
    values = ops.diagonal(matrix)
    orthogonal = ops.sum(ops.square(vectors) * ops.diagonal(gram)[:, None], axis=0)
    return values, vectors, values > NULL_SHARE * orthogonal


def _rounds(size):
    """Round-robin pairings: (permutation matrix of the partners, sign of each index) a round."""
    players = list(range(size)) + ([None] if size % 2 else [])
    rounds = []
    for _ in range(len(players) - 1):
        partners, first = np.zeros((size, size), "float32"), np.ones(size, "float32")
        for one, other in zip(players, reversed(players), strict=True):
            if one is not None and other is not None:
                partners[one, other] = 1.0
                first[max(one, other)] = -1.0
        rounds.append((partners, first))
        players = [players[0], players[-1], *players[1:-1]]
    return rounds


def _rotation(matrix, partners, first):
    """The rotation that zeroes each pair's off-diagonal entry."""
    partners, first = ops.convert_to_tensor(partners), ops.convert_to_tensor(first)
    diagonal = ops.diagonal(matrix)
    off = ops.sum(matrix * partners, axis=1)
    difference = times(partners, diagonal) - diagonal
    # Of two equal diagonal entries, one must turn left and the other right.
    sign = ops.where(ops.equal(difference, 0.0), first, ops.sign(difference))
    size = ops.abs(difference) + ops.sqrt(ops.square(difference) + 4.0 * ops.square(off))
    tangent = 2.0 * off * sign * inverse_or_zero(size)
    cosine = 1.0 / ops.sqrt(1.0 + ops.square(tangent))
    sine = tangent * cosine
    return identity(matrix.shape[0]) * cosine[:, None] + partners * sine[:, None]


def _product(left, right):
    return ops.sum(left[:, :, None] * right[None, :, :], axis=1)
