"""The columns that an in-batch softmax runs over: the batch's rows, or the catalogue."""

from typing import Any, NamedTuple

from keras import ops

from mtframework.errors import ModelError
from mtframework.losses.chunked_softmax import MASKED_LOGIT, SoftmaxColumns
from mtframework.losses.known_positives import known_positives, number_ids


class BatchColumns(NamedTuple):
    """The candidates of the batch, then the extra ones: `[num_columns, ...]` each, or None."""

    embeddings: Any
    ids: Any
    log_weights: Any  # the logQ correction
    allowed: Any  # which may be negatives
    inside: Any  # which have an id inside the catalogue


def batch_columns(
    candidates, ids, sampling_probability, negative_rows, num_candidates, extra
) -> BatchColumns:
    if extra is not None:
        missing = [
            name
            for name, of_batch, of_extra in (
                ("ids", ids, extra.ids),
                ("sampling_probability", sampling_probability, extra.sampling_probability),
            )
            if (of_batch is None) != (of_extra is None)
        ]
        if missing:
            raise ModelError(
                f"{missing[0]} is given only for the batch or only for the extra negatives.",
                "Values for both, or for neither.",
                f"Pass {missing[0]} for the other, too.",
            )
        count = ops.shape(extra.candidates)[0]
        candidates = _joined(candidates, ops.cast(extra.candidates, candidates.dtype))
        if ids is not None:
            ids = _joined(ids, ops.cast(extra.ids, ids.dtype))
        if sampling_probability is not None:
            sampling_probability = _joined(sampling_probability, extra.sampling_probability)
        if negative_rows is not None:
            negative_rows = _joined(negative_rows, ops.ones((count,), "bool"))
    log_weights = inside = None
    if sampling_probability is not None:
        clipped = ops.clip(ops.cast(sampling_probability, "float32"), 1e-6, 1.0)
        log_weights = ops.stop_gradient(-ops.log(clipped))
    allowed = None if negative_rows is None else ops.cast(negative_rows, "bool")
    if num_candidates is not None and ids is not None:
        inside = ops.logical_and(ids >= 0, ids < num_candidates)
        allowed = inside if allowed is None else ops.logical_and(allowed, inside)
    return BatchColumns(candidates, ids, log_weights, allowed, inside)


def row_columns(
    columns: BatchColumns, batch, remove_accidental_hits, known, with_ranks
) -> SoftmaxColumns:
    """Returns a column for each row of the batch and each extra negative."""
    num_columns = ops.shape(columns.embeddings)[0]
    rows = ops.arange(num_columns, dtype="int32")
    log_weights, own = columns.log_weights, None
    if columns.allowed is not None:
        correction = ops.zeros((num_columns,)) if log_weights is None else log_weights
        log_weights = ops.where(columns.allowed, correction, MASKED_LOGIT)
        own = correction[:batch]
    numbers = rows
    if columns.ids is not None and (known is not None or with_ranks):
        numbers = number_ids(columns.ids)
    exclusions = []
    if remove_accidental_hits:
        exclusions.append(lambda some: ops.take(columns.ids, some)[:, None] == columns.ids)
    if known is not None:
        query_ids, positive_rows = known
        exclusions.append(
            known_positives(query_ids, numbers[:batch], numbers, num_columns, positive_rows)
        )
    rank_weights = rank_columns = None
    if with_ranks:
        # Each candidate is counted in the last of its columns.
        last = ops.scatter_update(ops.zeros_like(rows), numbers[:, None], rows, reduction="max")
        counted = ops.take(last, numbers) == rows
        if columns.inside is not None:
            counted = ops.logical_and(counted, columns.inside)
        rank_weights = ops.cast(counted, "float32")
        rank_columns = ops.take(last, numbers[:batch])
    return SoftmaxColumns(
        positives=rows[:batch],
        log_weights=log_weights,
        positive_log_weights=own,
        summed_log_weights=own,
        excluded=_any_of(exclusions),
        rank_weights=rank_weights,
        rank_columns=rank_columns,
    )


def catalogue_columns(
    columns: BatchColumns, batch, num_candidates, remove_accidental_hits, known, with_ranks
) -> tuple[Any, SoftmaxColumns]:
    """Returns the embeddings of a column for each candidate of the catalogue, and the rest."""
    ids = ops.cast(ops.where(columns.inside, columns.ids, 0), "int32")
    positives = ids[:batch]
    correction = columns.log_weights
    weights = ops.ones_like(ids, "float32") if correction is None else ops.exp(correction)
    counted = ops.where(columns.allowed, weights, 0.0)
    totals = ops.segment_sum(counted, ids, num_segments=num_candidates)
    log_weights = ops.where(totals > 0, ops.log(ops.where(totals > 0, totals, 1.0)), MASKED_LOGIT)
    own = ops.zeros_like(positives, "float32") if correction is None else correction[:batch]
    if remove_accidental_hits:
        summed = own
    elif columns.allowed is columns.inside:
        summed = None
    else:
        # The row's own column counts even where it is not a negative.
        uncounted = ops.where(columns.allowed, 0.0, weights)[:batch]
        summed = ops.log(ops.take(totals, positives) + uncounted)
    excluded = None
    if known is not None:
        query_ids, positive_rows = known
        marked = columns.inside[:batch]
        if positive_rows is not None:
            marked = ops.logical_and(marked, positive_rows)
        excluded = known_positives(query_ids, positives, None, num_candidates, marked)
    rank_weights = None
    if with_ranks:
        present = ops.cast(columns.inside, "float32")
        present = ops.segment_sum(present, ids, num_segments=num_candidates)
        rank_weights = ops.cast(present > 0, "float32")
    # Any row stands for its candidate. What absent ones get does not count.
    rows = ops.where(columns.inside, ops.arange(ops.shape(ids)[0], dtype="int32"), 0)
    representative = ops.scatter_update(
        ops.zeros((num_candidates,), "int32"), ids[:, None], rows, reduction="max"
    )
    return (
        _taken(columns.embeddings, representative),
        SoftmaxColumns(
            positives=positives,
            log_weights=log_weights,
            positive_log_weights=own,
            summed_log_weights=summed,
            excluded=excluded,
            rank_weights=rank_weights,
        ),
    )


def _taken(embeddings, rows):
    """Returns rows of the embeddings, as `ops.take` does.

    Its gradient asks for the shape in the backward pass: TensorFlow's remembers it from the forward
    pass, which XLA refuses where batches of unknown size choose between two forms.
    """

    @ops.custom_gradient
    def take(embeddings):
        def gradient(*args, upstream=None):
            upstream = args[-1] if upstream is None else upstream
            zeros = ops.zeros_like(embeddings)
            return ops.scatter_update(zeros, rows[:, None], upstream, reduction="add")

        return ops.take(embeddings, rows, axis=0), gradient

    return take(embeddings)


def _any_of(exclusions):
    if len(exclusions) < 2:
        return exclusions[0] if exclusions else None
    return lambda rows: ops.logical_or(*(excluded(rows) for excluded in exclusions))


def _joined(of_batch, of_extra):
    return ops.concatenate([of_batch, of_extra], axis=0)
