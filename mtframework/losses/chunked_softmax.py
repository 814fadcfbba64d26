"""The softmax that every retrieval loss computes, in bounded memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

#: The logit of a column that does not count. Finite, so that its gradient is 0 and never NaN.
MASKED_LOGIT = -1e30


class SoftmaxColumns(NamedTuple):
    """What the queries are compared with, beside the embeddings that gradients flow to.

    Args:
        positives: The column of each query's positive: `[batch]` int32.
        log_weights: What is added to each column's logits: `[num_columns]` float32, or None.
        positive_log_weights: What is added to the positives' logits in place of that, `[batch]`
            float32, or None for no difference.
        summed_log_weights: What is added to the positives' logits where they are summed with
            the others', `[batch]` float32, or None for no difference: a candidate that occurs
            several times weighs more there.
        excluded: Takes the rows of a chunk, `[chunk]` int32, and returns which columns do not
            count for them: `[chunk, num_columns]` bool. A positive counts in any case.
        num_hard_negatives: Only so many negatives count, those with the highest logits.
        rank_weights: What a column adds to the rank of a positive that scores less, and half of it
            where they tie: `[num_columns]` float32, or None where no ranks are wanted.
        rank_columns: The column by which a row's own candidate is counted, which adds nothing to
            its rank: `[batch]` ints. None where that is the positive's.
    """

    positives: Any
    log_weights: Any = None
    positive_log_weights: Any = None
    summed_log_weights: Any = None
    excluded: Callable[[Any], Any] | None = None
    num_hard_negatives: int | None = None
    rank_weights: Any = None
    rank_columns: Any = None


def chunked_softmax(
    queries, embeddings, columns: SoftmaxColumns, row_weights=None, rows_per_chunk=None
):
    """Returns the cross-entropy of each query's positive against all columns, and its rank.

    `loss_i = log Σ_j exp(l_ij) − l_ip`, where `l_ij = queries_i · embeddings_j + log_weights_j`
    and p is the positive's column, which may have weights of its own. Queries are taken in
    chunks; the logits are computed again in the backward pass, so that no more than
    `chunk × num_columns` of them exist at a time.

    With `row_weights` the gradients are computed along with the losses, from the same logits.
    They hold for every loss that is proportional to `Σ_i row_weights_i · loss_i`, and save a
    quarter of the matrix products and half of the exponentials. For any other upstream gradient
    they are computed again: the weights cost time where they are wrong, never correctness.

    Args:
        queries: `[batch, dim]`; float32 or bfloat16.
        embeddings: `[num_columns, dim]`, of the same dtype.
        columns: What else is known of the columns.
        row_weights: `[batch]` float32, or None.
        rows_per_chunk: Queries in a chunk. Chosen from the shapes unless given.

    Returns:
        The losses, `[batch]` float32, and the ranks, `[batch]` float32, 0 the best; None in their
        place without `columns.rank_weights`. Products keep the dtype of the embeddings, sums are
        float32.
    """
    if queries.shape[0] == 0:
        none = ops.sum(ops.cast(ops.matmul(queries, ops.transpose(embeddings)), "float32"), axis=1)
        return none, None if columns.rank_weights is None else none
    columns = columns._replace(
        positives=ops.cast(columns.positives, "int32"),
        **{
            name: ops.stop_gradient(ops.cast(getattr(columns, name), "float32"))
            for name in (
                "log_weights",
                "positive_log_weights",
                "summed_log_weights",
                "rank_weights",
            )
            if getattr(columns, name) is not None
        },
    )
    if row_weights is not None:
        row_weights = ops.stop_gradient(ops.cast(row_weights, "float32"))

    @ops.custom_gradient
    def losses_and_ranks(queries, embeddings):
        sums = _Pass(queries, embeddings, columns, rows_per_chunk)
        losses, ranks, directions, column_gradient = sums.run(row_weights)

        def gradient(*args, upstream=None):
            upstream = args[-1] if upstream is None else upstream
            upstream = ops.cast(upstream[0], "float32")

            def anew():
                return _Pass(queries, embeddings, columns, rows_per_chunk).run(upstream)[2:]

            if row_weights is None:
                along, across = anew()
            else:
                scale, proportional = _proportion(upstream, row_weights)
                along = directions
                across = ops.cond(proportional, lambda: scale * column_gradient, lambda: anew()[1])
            return (
                ops.cast(upstream[:, None] * along, queries.dtype),
                ops.cast(across, embeddings.dtype),
            )

        # One output, because torch allows no more.
        return ops.stack([losses, ranks]), gradient

    both = losses_and_ranks(queries, embeddings)
    if columns.rank_weights is None:
        return both[0], None
    return both[0], ops.stop_gradient(both[1])


def chunk_rows(batch, num_columns, dim: int):
    """Returns how many queries are taken at a time.

    A chunk of logits may be some four times as large as the embeddings, so that memory stays of
    their order; small ones stay in the processor's cache, and none exceeds 512 MiB, unless one
    row does. The sizes may be tensors, as TensorFlow traces batches of unknown size.

    >>> chunk_rows(8192, 1664, 32), chunk_rows(256, 1664, 32), chunk_rows(65536, 65536, 128)
    (1024, 256, 1024)
    """
    if not (_is_static(batch) and _is_static(num_columns)):
        entries = ops.minimum(batch + num_columns, (1 << 25) // dim) * dim * 4
        return ops.maximum(ops.maximum(entries, 7 << 18) // ops.maximum(num_columns, 1), 1)
    entries = max(4 * min((batch + num_columns) * dim, 1 << 25), 7 << 18)
    rows = max(entries // max(num_columns, 1), 1)
    chunks = max(-(-batch // rows), 1)
    return -(-batch // chunks)


class _Pass:
    """One pass over the queries: the losses, and the gradients of their weighted sum."""

    def __init__(self, queries, embeddings, columns: SoftmaxColumns, rows_per_chunk):
        # bfloat16 products are wanted where the caller computes in it; float16 would overflow.
        half = keras.backend.standardize_dtype(queries.dtype) == "bfloat16"
        self.dtype = "bfloat16" if half else "float32"
        self.queries = ops.cast(queries, self.dtype)
        self.embeddings = ops.cast(embeddings, self.dtype)
        self.transposed = ops.transpose(self.embeddings)
        self.columns = columns
        self.batch, self.dim = ops.shape(queries)
        self.num_columns = ops.shape(embeddings)[0]
        self.rows = rows_per_chunk or chunk_rows(self.batch, self.num_columns, self.dim)
        self.rows = _minimum(self.rows, self.batch)

    def run(self, row_weights):
        """Returns losses, ranks, the gradient a query, and the gradient of the columns.

        The gradient a query, `[batch, dim]`, is that of its own loss. The gradient of the
        columns, `[num_columns, dim]`, is that of `Σ row_weights · losses`. Without weights,
        both are None.
        """
        sums: tuple = (ops.zeros((self.batch,)), ops.zeros((self.batch,)))
        if row_weights is not None:
            sums = (
                *sums,
                ops.zeros((self.batch, self.dim)),
                ops.zeros((self.dim, self.num_columns)),
            )

        def step(chunk, sums):
            return self._add_chunk(chunk, sums, row_weights)

        if _is_static(self.batch) and self.rows == self.batch:
            sums = step(0, sums)
        else:
            # The numerator is written so that an empty batch of unknown size takes no step.
            chunks = (self.batch + self.rows - 1) // _at_least_one(self.rows)
            sums = ops.fori_loop(0, chunks, step, sums)
        if row_weights is None:
            return (*sums, None, None)
        losses, ranks, directions, pushed = sums
        return losses, ranks, directions, self._pulled(ops.transpose(pushed), row_weights)

    def _add_chunk(self, chunk, sums, row_weights):
        first = chunk * self.rows
        # The last chunk begins early rather than being short: its shape stays the same.
        start = _minimum(first, self.batch - self.rows)
        rows = start + ops.arange(self.rows, dtype="int32")
        queries = self._chunk_of(self.queries, start)
        positives = self._chunk_of(self.columns.positives, start)
        logits, positive_logits, ranks = self._logits(queries, positives, rows)
        peak = ops.max(logits, axis=1, keepdims=True)
        exponentials = ops.exp(logits - peak)
        total = ops.sum(exponentials, axis=1, keepdims=True)
        losses = (ops.log(total) + peak)[:, 0] - positive_logits
        updated = (
            _write(sums[0], rows, losses),
            _write(sums[1], rows, ranks) if ranks is not None else sums[1],
        )
        if row_weights is None:
            return updated
        weights = self._chunk_of(row_weights, start)
        weights = ops.where(rows >= first, weights, 0.0)  # rows of the chunk before count once
        exponentials = ops.cast(exponentials, self.dtype)
        expected = _product(exponentials, self.embeddings) / total
        pulled = ops.cast(ops.take(self.embeddings, positives, axis=0), "float32")
        weighted = ops.cast(queries, "float32") * (weights[:, None] / total)
        pushed = _product(ops.transpose(ops.cast(weighted, self.dtype)), exponentials)
        return (*updated, _write(sums[2], rows, expected - pulled), sums[3] + pushed)

    def _logits(self, queries, positives, rows):
        """Returns a chunk's logits, those of its positives, and its ranks, all float32."""
        columns = self.columns
        scores = _product(queries, self.transposed)
        flat = ops.arange(self.rows, dtype="int32") * self.num_columns + positives
        positive_scores = ops.take(ops.reshape(scores, (-1,)), flat)
        ranks = None
        if columns.rank_weights is not None:
            bounds = positive_scores[:, None]
            above = (
                ops.cast(scores > bounds, "float32") + ops.cast(scores >= bounds, "float32")
            ) / 2
            own = positives
            if columns.rank_columns is not None:
                own = ops.take(columns.rank_columns, rows)
            flat = ops.arange(self.rows, dtype="int32") * self.num_columns + own
            by_itself = ops.take(ops.reshape(above, (-1,)), flat)
            ranks = ops.matmul(above, columns.rank_weights[:, None])[:, 0]
            ranks = ranks - by_itself * ops.take(columns.rank_weights, own)
        logits = scores
        if columns.log_weights is not None:
            logits = logits + columns.log_weights
        if columns.excluded is not None:
            logits = ops.where(columns.excluded(rows), MASKED_LOGIT, logits)
        own = positive_scores
        if columns.log_weights is not None:
            own = positive_scores + ops.take(columns.log_weights, positives)
        positive_logits = summed = own
        if columns.positive_log_weights is not None:
            positive_logits = positive_scores + ops.take(columns.positive_log_weights, rows)
        if columns.summed_log_weights is not None:
            summed = positive_scores + ops.take(columns.summed_log_weights, rows)
        if self._hard_negatives() is not None:
            logits = self._hardest(self._with_positives(logits, positives, MASKED_LOGIT))
        elif columns.summed_log_weights is None and columns.excluded is None:
            return logits, positive_logits, ranks
        logits = self._with_positives(logits, positives, summed[:, None])
        return logits, positive_logits, ranks

    def _with_positives(self, logits, positives, values):
        is_positive = ops.arange(self.num_columns, dtype="int32") == positives[:, None]
        return ops.where(is_positive, values, logits)

    def _hard_negatives(self):
        count = self.columns.num_hard_negatives
        if count is None or not _is_static(self.num_columns):
            return count if count is None else ops.minimum(count, self.num_columns)
        return count if count < self.num_columns - 1 else None

    def _hardest(self, negatives):
        """Masks all but the highest negatives of each row; of equal ones, some are kept."""
        count = self._hard_negatives()
        values, indices = ops.top_k(negatives, count)
        offsets = ops.arange(self.rows, dtype="int32")[:, None] * self.num_columns
        flat = ops.reshape(ops.cast(indices, "int32") + offsets, (-1, 1))
        masked = ops.zeros((self.rows * self.num_columns,)) + MASKED_LOGIT
        kept = ops.scatter_update(masked, flat, ops.reshape(values, (-1,)))
        return ops.reshape(kept, (self.rows, self.num_columns))

    def _pulled(self, gradient, row_weights):
        """Returns the gradient of the columns with what the positives' logits add to it."""
        weighted = ops.cast(self.queries, "float32") * row_weights[:, None]
        rounded = ops.cast(ops.cast(weighted, self.dtype), "float32")
        positives = self.columns.positives[:, None]
        return ops.scatter_update(gradient, positives, -rounded, reduction="add")

    def _chunk_of(self, values, start):
        if len(values.shape) == 1:
            return ops.slice(values, (start,), (self.rows,))
        return ops.slice(values, (start, 0), (self.rows, self.dim))


def _product(left, right):
    """Returns the matrix product in float32, whatever the factors' dtype."""
    if keras.backend.backend() == "jax":
        import jax.numpy as jnp

        # Accelerators multiply bfloat16 and add in float32; Keras would round the sums.
        return jnp.matmul(left, right, preferred_element_type="float32")
    return ops.matmul(ops.cast(left, "float32"), ops.cast(right, "float32"))


def _proportion(upstream, row_weights):
    """Returns the factor from row weights to upstream gradients, and whether there is one."""
    square = ops.sum(row_weights * row_weights)
    scale = ops.sum(upstream * row_weights) / ops.where(square > 0, square, 1.0)
    gap = ops.max(ops.abs(upstream - scale * row_weights), initial=0.0)
    return scale, gap <= 3e-6 * ops.max(ops.abs(upstream), initial=0.0)


def _write(sums, rows, values):
    return ops.scatter_update(sums, rows[:, None], values)


def _is_static(size) -> bool:
    return isinstance(size, int)


def _minimum(left, right):
    return min(left, right) if _is_static(left) and _is_static(right) else ops.minimum(left, right)


def _at_least_one(size):
    return max(size, 1) if _is_static(size) else ops.maximum(size, 1)
