"""Sums over what each query has interacted with."""

import numpy as np
from keras import ops

#: Up to so many pairs of a query and a candidate, a table of all of them is multiplied with.
MOST_DENSE_PAIRS = 1 << 23
#: Where a smaller share of them have met, the list is faster: a core gathers one interaction in the
#: time in which it multiplies with 75 pairs.
LEAST_DENSE_SHARE = 0.01


class SparseInteractions:
    """The interactions as a list, sorted by query and then by candidate.

    A sum costs time and memory for (number of interactions) · dim numbers.

    Args:
        offsets: Where the run of each query begins: `[num_queries + 1]`.
        queries: The query of each interaction: `[num_interactions]`.
        candidates: Its candidate.
        deviations: How much better than the average it was: `[num_interactions]`.
    """

    def __init__(
        self,
        offsets: np.ndarray,
        queries: np.ndarray,
        candidates: np.ndarray,
        deviations: np.ndarray,
    ):
        self.offsets = offsets.astype("int32")
        self.queries = queries.astype("int32")
        self.candidates = candidates.astype("int32")
        self.deviations = deviations.astype("float32")
        self.longest = int(np.diff(offsets).max(initial=0))

    def sum(self, table, by_deviation=None):
        """Returns `Σ table[j] + deviation · by_deviation[j]` over each history.

        Args:
            table: A row for each candidate: `[num_candidates, dim]`.
            by_deviation: Another one, or None for the first sum alone.

        Returns:
            `[num_queries, dim]`.
        """
        candidates = ops.convert_to_tensor(self.candidates)
        of_each = ops.take(table, candidates, axis=0)
        if by_deviation is not None:
            deviations = ops.cast(ops.convert_to_tensor(self.deviations), table.dtype)
            of_each = of_each + ops.expand_dims(deviations, -1) * ops.take(
                by_deviation, candidates, axis=0
            )
        runs = ops.convert_to_tensor(self.queries)
        return ops.segment_sum(of_each, runs, len(self.offsets) - 1)

    def of_pairs(self, queries, candidates):
        """Returns of each pair whether there was an interaction, as 0 or 1, and its deviation.

        Args:
            queries: `[batch]` int32.
            candidates: `[batch]` int32.

        Returns:
            Two tensors, `[batch]` float32; the deviation is 0 where there was none.
        """
        entries = ops.convert_to_tensor(self.candidates)
        offsets = ops.convert_to_tensor(self.offsets)
        low, end = ops.take(offsets, queries), ops.take(offsets, queries + 1)
        high, last = end, len(self.candidates) - 1
        for _ in range(self.longest.bit_length()):  # halves what is left of a run
            middle = (low + high) // 2
            is_below = ops.logical_and(
                low < high, ops.take(entries, ops.minimum(middle, last)) < candidates
            )
            low, high = ops.where(is_below, middle + 1, low), ops.where(is_below, high, middle)
        place = ops.minimum(low, last)
        is_there = ops.logical_and(low < end, ops.equal(ops.take(entries, place), candidates))
        is_there = ops.cast(is_there, "float32")
        return is_there, is_there * ops.take(ops.convert_to_tensor(self.deviations), place)


class DenseInteractions:
    """The interactions as a table of all pairs, for few queries and candidates that often met.

    A sum is a matrix product, which there is several times as fast as gathering each
    interaction's vector. Arguments and methods are those of `SparseInteractions`.
    """

    def __init__(
        self,
        offsets: np.ndarray,
        queries: np.ndarray,
        candidates: np.ndarray,
        deviations: np.ndarray,
        num_candidates: int,
    ):
        shape = (len(offsets) - 1, num_candidates)
        self.there, self.deviations = np.zeros(shape, "float32"), np.zeros(shape, "float32")
        self.there[queries, candidates] = 1.0
        self.deviations[queries, candidates] = deviations

    def sum(self, table, by_deviation=None):
        sums = ops.matmul(ops.cast(ops.convert_to_tensor(self.there), table.dtype), table)
        if by_deviation is None:
            return sums
        deviations = ops.cast(ops.convert_to_tensor(self.deviations), table.dtype)
        return sums + ops.matmul(deviations, by_deviation)

    def of_pairs(self, queries, candidates):
        places = queries * self.there.shape[1] + candidates
        there, deviations = (
            ops.take(ops.reshape(ops.convert_to_tensor(values), (-1,)), places)
            for values in (self.there, self.deviations)
        )
        return there, deviations


Interactions = SparseInteractions | DenseInteractions


def interactions_of(
    offsets: np.ndarray,
    queries: np.ndarray,
    candidates: np.ndarray,
    deviations: np.ndarray,
    num_candidates: int,
) -> Interactions:
    """Returns the interactions in the form that is faster for their sizes."""
    num_pairs = (len(offsets) - 1) * num_candidates
    if num_pairs <= MOST_DENSE_PAIRS and len(queries) >= LEAST_DENSE_SHARE * num_pairs:
        return DenseInteractions(offsets, queries, candidates, deviations, num_candidates)
    return SparseInteractions(offsets, queries, candidates, deviations)
