"""Metrics that count a query's positives together, as RecBole, RecTools and ranx do."""

import numpy as np

from mtframework.metrics.catalogue_rank import positive_k


def per_query_metrics(ranks, queries, candidates, k: int) -> dict[str, float]:
    """Returns the means over queries, each with all of its positives.

    Of a query with n positives, of which h have a rank of at most `k - 1`:

        hit = 1 if h > 0             recall = h / n               precision = h / k
        ndcg = Σ 1 / log2(rank + 2) / Σᵢ 1 / log2(i + 2)          over its h hits; i < min(n, k)
        map = Σ (better hits + 1) / (rank + 1) / min(n, k)        over its h hits
        mrr = 1 / (rank + 1)                                      of its best positive, without k

    A candidate that stands in several rows of a query is one positive, with its best rank.

    Args:
        ranks: The rank of each row's positive, 0 the best: `[num_rows]` floats.
        queries: Whose row it is: `[num_rows]` ints.
        candidates: The positive: `[num_rows]` ints.
        k: How many of the best candidates count.

    Raises:
        DataError: `k` is below 1.

    Example:

    >>> found = per_query_metrics([0, 2, 7, 1], [5, 5, 5, 9], [1, 2, 3, 1], k=3)
    >>> found["recall"]  # (2 of 3 + 1 of 1) / 2
    0.8333333333333333
    """
    ranks = np.asarray(ranks, "float64")
    in_order = np.lexsort((ranks, np.asarray(candidates), np.asarray(queries)))
    pairs = np.stack([np.asarray(queries), np.asarray(candidates)])[:, in_order]
    first = np.append(True, (pairs[:, 1:] != pairs[:, :-1]).any(0))[: len(in_order)]
    rows = in_order[first]
    rows = rows[np.lexsort((ranks[rows], np.asarray(queries)[rows]))]
    ranks, queries = ranks[rows], np.asarray(queries)[rows]
    starts = np.flatnonzero(np.append(True, queries[1:] != queries[:-1])[: len(queries)])
    num = np.diff(starts, append=len(queries))
    better = np.arange(len(queries)) - np.repeat(starts, num)
    is_hit = ranks <= positive_k(k) - 1

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.where(is_hit, values, 0.0), starts)

    most = np.minimum(num, k)
    ideal = np.cumsum(1 / np.log2(np.arange(int(most.max(initial=0))) + 2.0))
    hits = total(np.ones(len(ranks)))
    each = {
        "hit": hits > 0,
        "recall": hits / num,
        "precision": hits / k,
        "ndcg": total(1 / np.log2(ranks + 2)) / ideal[most - 1],
        "map": total((better + 1) / (ranks + 1)) / most,
        "mrr": 1 / (ranks[starts] + 1),
    }
    return {name: float(np.mean(values)) for name, values in each.items()}
