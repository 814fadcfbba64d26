"""The rank of each positive among all candidates, exactly, and what follows from it."""

from collections.abc import Sequence

import numpy as np

from mtframework.errors import DataError, ModelError
from mtframework.metrics.finite import check_not_diverged
from mtframework.metrics.higher_scores import compare_all, compare_pairs, pair_scores

Seen = tuple[np.ndarray, np.ndarray] | Sequence[np.ndarray]


def catalogue_ranks(
    queries, positives, candidates, *, seen: Seen | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rank of each query's positive among all candidates, and among unseen ones.

    The rank is the number of candidates that score higher, and half of the number of others that
    score the same: the mean over the orders in which equals may stand. A positive is among the best
    k if its rank is at most k - 1, so that whoever scores all candidates alike finds none.

    The score is the inner product of the float32 embeddings; where float32 arithmetic cannot tell
    two scores apart it is computed in float64, so the ranks do not depend on how the work is cut up
    or where it runs.

    All scores are computed once, a block at a time on each core, so that 1 GiB is plenty beside the
    embeddings of 20,000 queries and 1,000,000 candidates. Meanwhile BLAS has one thread in the
    whole process.

    Args:
        queries: `[num_queries, dim]` floats.
        positives: The row of each query's positive among the candidates, `[num_queries]` ints.
        candidates: `[num_candidates, dim]` floats.
        seen: The candidates' rows to leave out for each query: a list of arrays, one a query, or
            `(offsets, rows)` with those of query i in `rows[offsets[i]:offsets[i + 1]]`. The
            positive is never left out, and a row that is named twice is left out once.

    Returns:
        Two arrays `[num_queries]` float64, 0 the best: the ranks among all candidates, and those
        among the unseen ones, which are the same without `seen`.

    Raises:
        ModelError: The embeddings do not fit together or are not finite.
        DataError: A positive or a seen row is outside the candidates.

    Example:

    >>> catalogue_ranks([[1.0]], [0], [[1.0], [3.0], [2.0]], seen=[[1]])
    (array([2.]), array([1.]))
    """
    ranks, filtered, _ = ranks_and_ties(queries, positives, candidates, seen)
    return ranks, filtered


def ranks_and_ties(
    queries, positives, candidates, seen: Seen | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns what `catalogue_ranks` does, and how many others score as each positive does.

    The ties are among all candidates: `[num_queries]` ints.
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
    thresholds = pair_scores(queries, candidates, np.arange(len(queries)), positives)
    higher, equal = compare_all(queries, candidates, positives, thresholds)
    ties = equal - 1  # the positive is one of its equals
    ranks = higher + ties / 2
    if seen is None:
        return ranks, ranks.copy(), ties
    left_out = _seen_pairs(seen, positives, len(candidates))
    higher, equal = compare_pairs(queries, candidates, thresholds, *left_out)
    return ranks, ranks - higher - equal / 2, ties


def top_k_accuracy(ranks, k: int, sample_weight=None) -> float:
    """Returns the weighted share of positives among the best `k`; NaN without any weight.

    With one positive a query this is also recall at k. Any k as large as the catalogue, or
    larger, finds every positive.

    >>> top_k_accuracy(np.array([0, 4, 9, 10]), k=10)
    0.75
    """
    return _weighted_mean(np.asarray(ranks) <= positive_k(k) - 1, sample_weight)


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
    return _weighted_mean(
        gains if k is None else gains * (ranks <= positive_k(k) - 1), sample_weight
    )


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
    check_not_diverged(f"embeddings of the {name}", values)
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


def positive_k(k: int) -> int:
    """Returns `k`, or raises a `DataError` where it is below 1."""
    if k < 1:
        raise DataError(f"k is {k}.", "1 or more.", "Ask for at least one candidate.")
    return k


def _weighted_mean(values, sample_weight) -> float:
    values = np.asarray(values, "float64")
    weights = np.ones(values.shape) if sample_weight is None else np.asarray(sample_weight)
    total = weights.sum(dtype="float64")
    return float((values * weights).sum() / total) if total > 0 else float("nan")
