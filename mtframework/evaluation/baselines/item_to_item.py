"""What comes after what, by counting."""

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.similarities import Similarities


class ItemToItemCounts:
    """Scores a candidate by how often, and how soon, it comes after what the query has last.

        count(i, j) = Σ decay^(d − 1) over the times that j comes d events after i
                      + backward · the same over the times that it comes d events before
        score(query, j) = Σ decay^(n − 1) · count(i, j) over the query's candidates i, the n-th last

    where d and n are from 1 to `window`. It needs events in order; repeated ones count again.

    Args:
        window: How many events a candidate reaches, and how many of a query's last events ask.
        decay: What an event counts beside the one before it.
        backward: What coming before counts beside coming after.

    Example:

    >>> queries, times = np.array([0, 0, 1]), np.array([10, 20, 10])
    >>> events = Interactions.in_order(queries, np.array([0, 1, 0]), times, 2, 2)
    >>> ItemToItemCounts().fit(events).scores(events, 1, 2).tolist()
    [[0.0, 1.0]]
    """

    needs_order = True

    def __init__(self, window: int = 3, decay: float = 0.5, backward: float = 0.5):
        self.window = window
        self.decay = decay
        self.backward = backward

    def fit(self, interactions: Interactions) -> "ItemToItemCounts":
        candidates, owners = interactions.candidates, interactions.owners(
            0, interactions.num_queries
        )  # fmt: skip
        firsts, seconds, weights = [], [], []
        for distance in range(1, self.window + 1):
            first = np.flatnonzero(owners[:-distance] == owners[distance:])
            earlier, later = candidates[first], candidates[first + distance]
            firsts += [earlier, later]
            seconds += [later, earlier]
            weight = np.full(len(first), self.decay ** (distance - 1))
            weights += [weight, self.backward * weight]
        self.counts = Similarities.of(
            np.concatenate(firsts),
            np.concatenate(seconds),
            np.concatenate(weights),
            interactions.num_candidates,
        )
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        owners = asked.owners(start, end)
        ends = asked.offsets[start + 1 : end + 1][owners]
        from_last = ends - asked.offsets[start] - np.arange(len(owners))
        asks = from_last <= self.window
        return self.counts.scores(
            owners[asks],
            asked.of_queries(start, end)[asks],
            self.decay ** (from_last[asks] - 1.0),
            end - start,
        )
