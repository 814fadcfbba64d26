"""The softmax of each query's positive against the whole catalogue."""

from keras import ops

from mtframework.arguments import check_count, check_ids_given, check_rows
from mtframework.losses.chunked_softmax import SoftmaxColumns, chunked_softmax
from mtframework.losses.known_positives import known_positives
from mtframework.losses.temperature import divided


def catalogue_softmax(
    queries,
    catalogue,
    candidate_ids,
    *,
    temperature=1.0,
    log_weights=None,
    query_ids=None,
    positive_rows=None,
    remove_known_positives: bool = False,
    num_hard_negatives: int | None = None,
    row_weights=None,
    with_ranks: bool = False,
):
    """Returns the cross-entropy of each query's candidate among all candidates.

    `loss_i = log Σ_j exp(l_ij) − l_ip`, where
    `l_ij = queries_i · catalogue_j / temperature + log_weights_j`, j runs over the catalogue and
    p is the row's candidate. The losses are not reduced, masked or weighted. Memory stays of the
    order of the embeddings, whatever the catalogue's size.

    Args:
        queries: `[batch, dim]`; float32, or bfloat16 for bfloat16 products and float32 sums.
        catalogue: `[num_candidates, dim]`.
        candidate_ids: The catalogue row of each query's positive, `[batch]` ints. A query whose
            row is outside the catalogue has loss 0.
        temperature: What scores are divided by. Greater than 0; may be a scalar tensor.
        log_weights: What is added to each candidate's logits, `[num_candidates]`; None for
            nothing.
        query_ids: `[batch]` ints.
        positive_rows: Which rows are positives of their query, `[batch]` bool; None for all.
        remove_known_positives: Whether the positives of the same query's other rows in the batch
            are no negatives.
        num_hard_negatives: Only so many negatives count, those with the highest logits.
        row_weights: `[batch]`; what the losses will be multiplied with, up to a common factor;
            see `in_batch_softmax`.
        with_ranks: Whether to return the ranks, too.

    Returns:
        The losses, `[batch]` float32. With `with_ranks` the losses and the ranks, `[batch]`
        float32: how many candidates score higher than the row's own, and half of those that score
        as it does, before any weight or mask.

    Raises:
        ModelError: An argument is missing or out of its range, or two have different lengths.

    Example:

    >>> queries = ops.array([[1.0, 0.0]])
    >>> catalogue = ops.array([[0.0, 0.0], [0.0, 1.0]])
    >>> print(ops.convert_to_numpy(catalogue_softmax(queries, catalogue, ops.array([1]))))
    [0.6931472]
    """
    if num_hard_negatives is not None:
        check_count("The loss", "num_hard_negatives", num_hard_negatives)
    if remove_known_positives:
        check_ids_given("query_ids", query_ids)
    check_rows(
        queries=queries,
        candidate_ids=candidate_ids,
        query_ids=query_ids,
        positive_rows=positive_rows,
        row_weights=row_weights,
    )
    num_candidates = ops.shape(catalogue)[0]
    inside = ops.logical_and(candidate_ids >= 0, candidate_ids < num_candidates)
    positives = ops.cast(ops.where(inside, candidate_ids, 0), "int32")
    excluded = None
    if remove_known_positives:
        marked = inside if positive_rows is None else ops.logical_and(inside, positive_rows)
        excluded = known_positives(query_ids, positives, None, num_candidates, marked)
    if row_weights is not None:
        row_weights = ops.where(inside, row_weights, 0.0)
    losses, ranks = chunked_softmax(
        divided(queries, temperature),
        catalogue,
        SoftmaxColumns(
            positives=positives,
            log_weights=log_weights,
            excluded=excluded,
            num_hard_negatives=num_hard_negatives,
            rank_weights=ops.ones((num_candidates,)) if with_ranks else None,
        ),
        row_weights,
    )
    losses = ops.where(inside, losses, 0.0)
    return (losses, ranks) if with_ranks else losses
