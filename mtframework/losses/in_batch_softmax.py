"""The softmax of each query's positive against the other candidates of the batch."""

from typing import Any, NamedTuple

from keras import ops

from mtframework.arguments import check_count, check_ids_given, check_rows
from mtframework.losses.batch_columns import batch_columns, catalogue_columns, row_columns
from mtframework.losses.chunked_softmax import chunked_softmax
from mtframework.losses.temperature import divided


class ExtraNegatives(NamedTuple):
    """Candidates beyond the batch that serve every query as negatives.

    Args:
        candidates: `[num_extra, dim]`.
        ids: `[num_extra]` ints; needed where ids are.
        sampling_probability: `[num_extra]`; needed where the batch's is given.
    """

    candidates: Any
    ids: Any = None
    sampling_probability: Any = None


def in_batch_softmax(
    queries,
    candidates,
    candidate_ids=None,
    *,
    temperature=1.0,
    sampling_probability=None,
    negative_rows=None,
    remove_accidental_hits: bool = False,
    query_ids=None,
    positive_rows=None,
    remove_known_positives: bool = False,
    num_hard_negatives: int | None = None,
    extra: ExtraNegatives | None = None,
    num_candidates: int | None = None,
    row_weights=None,
    with_ranks: bool = False,
):
    """Returns the cross-entropy of each row's candidate among the candidates of the batch.

    `loss_i = log Σ_j exp(l_ij) − l_ii`, where
    `l_ij = queries_i · candidates_j / temperature − log clip(sampling_probability_j, 1e-6, 1)`
    and j runs over the row's own candidate, which always counts, and its negatives. A row
    without negatives has loss 0. The losses are not reduced, masked or weighted.

    **Equal candidates are computed once.** Where `num_candidates` is given and no larger than
    the number of columns, the softmax runs over the catalogue, each candidate counted as often
    as it occurs: the same loss and the same gradients for the towers' parameters, in fewer
    columns. It is for the caller to know that rows with equal ids have equal embeddings, so
    leave `num_candidates` out where dropout or further features make them differ. Hard negatives
    are chosen among the rows of the batch in any case.

    Args:
        queries: `[batch, dim]`; float32, or bfloat16 for bfloat16 products and float32 sums.
        candidates: `[batch, dim]`; row i is the positive of query i.
        candidate_ids: `[batch]` ints.
        temperature: What scores are divided by. Greater than 0; may be a scalar tensor.
        sampling_probability: How probable each row's candidate is as a negative, `[batch]`, for
            the logQ correction. Zero and below count as 1e-6.
        negative_rows: Which rows' candidates may be negatives, `[batch]` bool; None for all.
        remove_accidental_hits: Whether a candidate with the id of the positive is not a negative.
        query_ids: `[batch]` ints.
        positive_rows: Which rows are positives of their query, `[batch]` bool; None for all.
        remove_known_positives: Whether a candidate that is the positive of another row of the
            same query is not a negative. Candidates are told apart by id where there are ids.
        num_hard_negatives: Only so many negatives count, those with the highest logits.
        extra: Candidates beyond the batch, which are negatives of every row; for mixed negative
            sampling see `mixed_sampling_probability`.
        num_candidates: The size of the catalogue, with ids in `[0, num_candidates)`. A row with
            an id outside has loss 0 and is not a negative.
        row_weights: `[batch]`; what the losses will be multiplied with, up to a common factor.
            Computes the gradients along with the losses, which is faster where they are wanted
            and right, and only slower where not; it does not weigh the losses.
        with_ranks: Whether to return the ranks, too.

    Returns:
        The losses, `[batch]` float32. With `with_ranks` the losses and the ranks, `[batch]`
        float32: how many different candidates of the batch score higher than the row's own, and
        half of those that score as it does, before any correction or mask.

    Raises:
        ModelError: An argument is missing or out of its range, or two have different lengths.

    Sources: Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
    Recommendations, RecSys 2019; Yang et al., Mixed Negative Sampling for Learning Two-tower
    Neural Networks in Recommendations, WWW 2020.

    Example:

    >>> vectors = ops.array([[1.0, 0.0], [0.0, 1.0]])
    >>> print(ops.convert_to_numpy(in_batch_softmax(vectors, vectors)).round(4))
    [0.3133 0.3133]
    """
    if num_hard_negatives is not None:
        check_count("The loss", "num_hard_negatives", num_hard_negatives)
    if remove_accidental_hits or num_candidates:
        check_ids_given("candidate_ids", candidate_ids)
    if remove_known_positives:
        check_ids_given("query_ids", query_ids)
    check_rows(
        queries=queries,
        candidates=candidates,
        candidate_ids=candidate_ids,
        sampling_probability=sampling_probability,
        negative_rows=negative_rows,
        query_ids=query_ids,
        positive_rows=positive_rows,
        row_weights=row_weights,
    )
    columns = batch_columns(
        candidates, candidate_ids, sampling_probability, negative_rows, num_candidates, extra
    )
    known = (query_ids, positive_rows) if remove_known_positives else None
    queries = divided(queries, temperature)
    batch = ops.shape(queries)[0]
    inside = None if columns.inside is None else columns.inside[:batch]
    if row_weights is not None and inside is not None:
        row_weights = ops.where(inside, row_weights, 0.0)

    def softmax(embeddings, parts):
        losses, ranks = chunked_softmax(queries, embeddings, parts, row_weights)
        if inside is not None:
            losses = ops.where(inside, losses, 0.0)
        return (losses, ranks) if with_ranks else losses

    def over_rows():
        parts = row_columns(columns, batch, remove_accidental_hits, known, with_ranks)
        return softmax(columns.embeddings, parts._replace(num_hard_negatives=num_hard_negatives))

    def over_catalogue():
        return softmax(
            *catalogue_columns(
                columns, batch, num_candidates, remove_accidental_hits, known, with_ranks
            )
        )

    if num_candidates is None or num_hard_negatives is not None:
        return over_rows()
    num_rows = ops.shape(columns.embeddings)[0]
    if isinstance(num_rows, int):
        return over_catalogue() if num_candidates <= num_rows else over_rows()
    return ops.cond(num_candidates <= num_rows, over_catalogue, over_rows)


def mixed_sampling_probability(probability, num_in_batch, num_uniform, num_candidates):
    """Returns how probable candidates are as negatives where two sources are mixed.

    `(num_in_batch · probability + num_uniform / num_candidates) / (num_in_batch + num_uniform)`:
    the batch draws candidates as often as they occur, the extra negatives all alike (Yang et
    al., WWW 2020). Both the batch's and the extra candidates get theirs.

    Args:
        probability: The candidates' share of all interactions, of any shape.
        num_in_batch: How many negatives the batch gives.
        num_uniform: How many are drawn from the whole catalogue.
        num_candidates: The size of the catalogue.

    >>> mixed_sampling_probability(0.5, 6, 2, 4)
    0.4375
    """
    drawn = num_in_batch * probability + num_uniform / num_candidates
    return drawn / (num_in_batch + num_uniform)
