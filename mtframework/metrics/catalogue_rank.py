"""The rank of each positive among all candidates, exactly, and what follows from it."""

from collections.abc import Sequence

import numpy as np

from mtframework.errors import DataError, ModelError

# A block of scores stays in the processor's outer cache and keeps matrix products efficient.
_QUERIES_PER_BLOCK = 256
_CANDIDATES_PER_BLOCK = 8192
# Pairs whose score is computed exactly are taken so many at a time.
_PAIRS_PER_BLOCK = 1 << 16

Seen = tuple[np.ndarray, np.ndarray] | Sequence[np.ndarray]


def catalogue_ranks(
    queries, positives, candidates, *, seen: Seen | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rank of each query's positive among all candidates, and among unseen ones.

    The rank is the number of candidates that score strictly higher, so that a positive is among
    the best k if its rank is below k. A candidate that ties with the positive does not count
    against it, as in `in_top_k`. The score is the inner product of the float32 embeddings; where
    float32 arithmetic cannot tell two scores apart it is computed in float64, so the ranks do not
    depend on how the work is cut up or where it runs.

    All scores are computed once, a block at a time; 128 MiB hold what is needed beside the
    embeddings.

    Args:
        queries: `[num_queries, dim]` floats.
        positives: The row of each query's positive among the candidates, `[num_queries]` ints.
        candidates: `[num_candidates, dim]` floats.
        seen: The candidates' rows to leave out for each query: a list of arrays, one a query, or
            `(offsets, rows)` with those of query i in `rows[offsets[i]:offsets[i + 1]]`. The
            positive is never left out, and a row that is named twice is left out once.

    Returns:
        Two arrays `[num_queries]` int64, 0 the best: the ranks among all candidates, and those
        among the unseen ones, which are the same without `seen`.

    Raises:
        ModelError: The embeddings do not fit together or are not finite.
        DataError: A positive or a seen row is outside the candidates.

    Example:

    >>> catalogue_ranks([[1.0]], [0], [[1.0], [3.0], [2.0]], seen=[[1]])
    (array([2]), array([1]))
    """
    queries, candidates = _embeddings("queries", queries), _embeddings("candidates", candidates)
    if queries.shape[1] != candidates.shape[1]:
        raise ModelError(
            f"The queries have {queries.shape[1]} dimensions, the candidates "
            f"{candidates.shape[1]}.",
            "Embeddings of the same size.",
            "Give both towers the same embedding_dim.",
        )
    positives = _rows("positives", positives, len(candidates))
    if len(positives) != len(queries):
        raise DataError(
            f"There are {len(queries)} queries and {len(positives)} positives.",
            "One positive for each query.",
            "Pass the rows of the same table.",
        )
    thresholds = _scores(queries, candidates, np.arange(len(queries)), positives)
    margins = _rounding(queries, candidates)
    prints = _fingerprints(candidates)
    ranks = np.zeros(len(queries), "int64")
    for start in range(0, len(queries), _QUERIES_PER_BLOCK):
        some = slice(start, start + _QUERIES_PER_BLOCK)
        own_prints = prints[positives[some]]
        ranks[some] = _count_higher(
            queries[some], candidates, thresholds[some], margins[some], prints, own_prints
        )
    if seen is None:
        return ranks, ranks.copy()
    left_out = _seen_pairs(seen, positives, len(candidates))
    return ranks, ranks - _count_higher_pairs(queries, candidates, thresholds, margins, *left_out)


def top_k_accuracy(ranks, k: int, sample_weight=None) -> float:
    """Returns the weighted share of positives among the best `k`; NaN without any weight.

    With one positive a query this is also recall at k. Any k as large as the catalogue, or
    larger, finds every positive.

    >>> top_k_accuracy(np.array([0, 4, 9, 10]), k=10)
    0.75
    """
    return _weighted_mean(np.asarray(ranks) < _positive(k), sample_weight)


def mean_reciprocal_rank(ranks, sample_weight=None) -> float:
    """Returns the weighted mean of `1 / (rank + 1)`; NaN without any weight.

    >>> mean_reciprocal_rank(np.array([0, 3]))
    0.625
    """
    return _weighted_mean(1.0 / (np.asarray(ranks) + 1), sample_weight)


def ndcg(ranks, k: int | None = None, sample_weight=None) -> float:
    """Returns the weighted mean of `1 / log2(rank + 2)`, 0 from rank `k` on; NaN without weight.

    It is the normalised discounted cumulative gain of one relevant candidate a query.

    >>> ndcg(np.array([0, 2, 50]), k=10)
    0.5
    """
    ranks = np.asarray(ranks)
    gains = 1.0 / np.log2(ranks + 2.0)
    return _weighted_mean(gains if k is None else gains * (ranks < _positive(k)), sample_weight)


def _count_higher(queries, candidates, thresholds, margins, prints, own_prints) -> np.ndarray:
    """Returns how many candidates score above each query's threshold, `[num_queries]`."""
    counts = np.zeros(len(queries), "int64")
    above = (thresholds + margins).astype("float32")[:, None]
    # A query of zeros scores 0 without any rounding.
    below = np.where(margins > 0, thresholds - margins, np.inf).astype("float32")[:, None]
    shape = len(queries), min(_CANDIDATES_PER_BLOCK, len(candidates))
    buffers = [np.empty(shape, dtype) for dtype in ("float32", "bool", "bool")]
    for start in range(0, len(candidates), _CANDIDATES_PER_BLOCK):
        block = candidates[start : start + _CANDIDATES_PER_BLOCK]
        if len(block) < buffers[0].shape[1]:
            buffers = [np.empty((len(queries), len(block)), each.dtype) for each in buffers]
        scores, higher, doubtful = buffers
        np.matmul(queries, block.T, out=scores)
        np.greater(scores, above, out=higher)
        # Eight bools a byte: far faster than a sum along the axis.
        counts += np.bitwise_count(np.packbits(higher, axis=1)).sum(1, dtype="int64")
        np.greater_equal(scores, below, out=doubtful)
        np.greater(doubtful, higher, out=doubtful)
        if doubtful.any():
            rows, columns = np.divmod(np.flatnonzero(doubtful), len(block))
            columns += start
            # The positive, and candidates just like it, tie; there may be many of them.
            other = prints[columns] != own_prints[rows]
            rows, columns = rows[other], columns[other]
            counts += _count_higher_pairs(queries, candidates, thresholds, margins, rows, columns)
    return counts


def _rounding(queries, candidates) -> np.ndarray:
    """Returns how far a float32 score may be from the exact one, for each query.

    A sum of n float32 products is off by at most `n · 2⁻²⁴ · |query| · |candidate|`; twice that
    leaves room for the rounding of the threshold itself.
    """
    longest = np.sqrt(_squares(candidates).max(initial=0.0))
    return np.sqrt(_squares(queries)) * longest * (queries.shape[1] + 2) * 2.0**-23


def _squares(embeddings) -> np.ndarray:
    return np.einsum("ij,ij->i", embeddings, embeddings, dtype="float64")


def _fingerprints(embeddings) -> np.ndarray:
    """Returns a number for each embedding, the same for equal ones, `[num]` uint64."""
    factors = np.random.default_rng(0).integers(0, 1 << 63, embeddings.shape[1], "uint64") * 2 + 1
    prints = np.empty(len(embeddings), "uint64")
    for start in range(0, len(embeddings), _PAIRS_PER_BLOCK):
        some = slice(start, start + _PAIRS_PER_BLOCK)
        prints[some] = embeddings[some].view("uint32").astype("uint64") @ factors
    return prints


def _count_higher_pairs(queries, candidates, thresholds, margins, rows, columns) -> np.ndarray:
    """Returns how many of the pairs score above their query's threshold, `[num_queries]`."""
    counts = np.zeros(len(queries), "int64")
    for start in range(0, len(rows), _PAIRS_PER_BLOCK):
        some = rows[start : start + _PAIRS_PER_BLOCK]
        others = columns[start : start + _PAIRS_PER_BLOCK]
        gaps = np.einsum("ij,ij->i", queries[some], candidates[others]) - thresholds[some]
        doubtful = np.abs(gaps) <= margins[some]
        exact = _scores(queries, candidates, some[doubtful], others[doubtful])
        gaps[doubtful] = exact - thresholds[some[doubtful]]
        counts += np.bincount(some[gaps > 0], minlength=len(queries))
    return counts


def _scores(queries, candidates, rows, columns) -> np.ndarray:
    """Returns the float64 scores of pairs; equal embeddings get equal scores, bit for bit."""
    scores = np.empty(len(rows))
    for start in range(0, len(rows), _PAIRS_PER_BLOCK):
        some = slice(start, start + _PAIRS_PER_BLOCK)
        of_queries = queries[rows[some]].astype("float64")
        scores[some] = np.einsum(
            "ij,ij->i", of_queries, candidates[columns[some]].astype("float64")
        )
    return scores


def _seen_pairs(seen: Seen, positives, num_candidates: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the queries and the candidates of the pairs to leave out, each pair once."""
    if isinstance(seen, tuple):
        offsets, rows = (np.asarray(each) for each in seen)
    else:
        offsets = np.cumsum([0, *(len(each) for each in seen)])
        rows = np.concatenate([np.zeros(0, "int64"), *(np.asarray(each) for each in seen)])
    if len(offsets) != len(positives) + 1:
        raise DataError(
            f"There are {len(positives)} queries and seen candidates for {len(offsets) - 1}.",
            "The seen candidates of each query; of some, none.",
            "Pass one array for each query, or one more offset than queries.",
        )
    rows = _rows("seen", rows[: offsets[-1]], num_candidates)
    queries = np.repeat(np.arange(len(positives)), np.diff(offsets))
    pairs = queries * num_candidates + rows
    if not (pairs[1:] > pairs[:-1]).all():
        pairs = np.unique(pairs)
        queries, rows = np.divmod(pairs, max(num_candidates, 1))
    others = rows != positives[queries]
    return queries[others], rows[others]


def _embeddings(name: str, values) -> np.ndarray:
    values = np.ascontiguousarray(values, "float32")
    if values.ndim != 2:
        raise ModelError(
            f"The {name} have the shape {values.shape}.",
            f"[num_{name}, dim].",
            "Pass one embedding a row.",
        )
    # The extremes are finite only if every value is; they take no memory.
    if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
        bad = int((~np.isfinite(values).all(1)).sum())
        raise ModelError(
            f"{bad} of {len(values)} embeddings of the {name} are not finite.",
            "Finite numbers.",
            "Lower the learning rate, or clip the gradients: the model has diverged.",
        )
    return values


def _rows(name: str, rows, num_candidates: int) -> np.ndarray:
    rows = np.asarray(rows).astype("int64")
    outside = (rows < 0) | (rows >= num_candidates)
    if outside.any():
        raise DataError(
            f"{int(outside.sum())} of {rows.size} {name} are outside the candidates; the first is "
            f"{rows[outside][0]}.",
            f"Rows from 0 to {num_candidates - 1}.",
            "Pass rows of the candidates, not ids; `Catalogue.rows` translates.",
        )
    return rows


def _positive(k: int) -> int:
    if k < 1:
        raise DataError(f"k is {k}.", "1 or more.", "Ask for at least one candidate.")
    return k


def _weighted_mean(values, sample_weight) -> float:
    values = np.asarray(values, "float64")
    weights = np.ones(values.shape) if sample_weight is None else np.asarray(sample_weight)
    total = weights.sum(dtype="float64")
    return float((values * weights).sum() / total) if total > 0 else float("nan")
