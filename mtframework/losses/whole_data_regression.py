"""Weighted regression over all pairs of a query and a candidate, none of them sampled."""

from keras import ops

from mtframework.arguments import check_rows
from mtframework.losses.temperature import divided


def whole_data_regression(
    queries,
    catalogue,
    candidate_ids,
    *,
    negative_weight: float,
    num_positives,
    temperature=1.0,
):
    """Returns each row's part of the squared error over every pair.

    Positives are to score 1 and count 1, all other candidates 0 and count `negative_weight`, w.
    With `s_v = queries_i · catalogue_v / temperature` and the row's positive p:

        loss_i = (1 − s_p)² − w · s_p² + w / num_positives_i · Σ_v s_v²

    so that the sum over a query's rows is `Σ_positives (1 − s_v)² + w · Σ_others s_v²`. The sum
    over the catalogue is `queries_i · (Σ_v catalogue_v catalogue_vᵀ) · queries_i`: exact, and only
    the positives' scores are ever in memory.

    Chen et al. 2020, "Efficient heterogeneous collaborative filtering without negative sampling for
    recommendation".

    Args:
        queries: `[batch, dim]`; computed in float32.
        catalogue: `[num_candidates, dim]`.
        candidate_ids: The catalogue row of each query's positive, `[batch]` ints. A query whose
            row is outside the catalogue has loss 0.
        negative_weight: w, more than 0.
        num_positives: How many rows of the data are positives of the row's query: `[batch]`.
        temperature: What scores are divided by. Greater than 0.

    Returns:
        The losses, `[batch]` float32.

    Raises:
        ModelError: An argument is out of its range, or two have different lengths.

    Example:

    >>> queries, catalogue = ops.array([[1.0]]), ops.array([[0.5], [2.0]])
    >>> losses = whole_data_regression(
    ...     queries, catalogue, ops.array([0]), negative_weight=0.1, num_positives=ops.array([1])
    ... )
    >>> print(ops.convert_to_numpy(losses))  # 0.5² + 0.1 · 2²
    [0.65]
    """
    check_rows(queries=queries, candidate_ids=candidate_ids, num_positives=num_positives)
    inside = ops.logical_and(candidate_ids >= 0, candidate_ids < ops.shape(catalogue)[0])
    queries = ops.cast(divided(queries, temperature), "float32")
    catalogue = ops.cast(catalogue, "float32")
    positives = ops.take(catalogue, ops.where(inside, candidate_ids, 0), axis=0)
    own = ops.sum(queries * positives, axis=-1)
    squares = ops.matmul(ops.transpose(catalogue), catalogue)
    of_all = ops.sum(ops.matmul(queries, squares) * queries, axis=-1)
    share = ops.cast(num_positives, "float32")
    losses = ops.square(1.0 - own) + negative_weight * (of_all / share - ops.square(own))
    return ops.where(inside, losses, 0.0)
