"""What a query has had before, the most often and the latest first."""

import numpy as np

from mtframework.evaluation.baselines.interactions import Interactions
from mtframework.evaluation.baselines.popularity import Popularity


class OwnFrequency:
    """Scores a candidate by how often, and how lately, the query has had it: "buy again".

        score(query, j) = Σ decay^(n − 1) over the query's events of j, its n-th last events

    What the query never had comes behind all that, in the order of popularity. It needs events in
    order; repeated ones count again. Where people take the same thing again, few models beat it.

    Args:
        decay: What an event counts beside the one after it. With 0.998 half as much after 346 more
            of them.

    Source: the "personal top frequency" of Li et al. 2023, "A next basket recommendation reality
    check".

    Example:

    >>> queries, times = np.array([0, 0, 0, 1]), np.array([10, 20, 30, 10])
    >>> events = Interactions.in_order(queries, np.array([0, 1, 0, 2]), times, 2, 3)
    >>> OwnFrequency(decay=0.5).fit(events).scores(events, 0, 1).tolist()
    [[2.25, 1.5, 0.5]]
    """

    needs_order = True

    def __init__(self, decay: float = 0.998):
        self.decay = decay

    def fit(self, interactions: Interactions) -> "OwnFrequency":
        owners = interactions.owners(0, interactions.num_queries)
        sizes = interactions.num_queries, interactions.num_candidates
        distinct = Interactions.of(owners, interactions.candidates, *sizes)
        counts = Popularity().fit(distinct).counts
        self.popularity = counts / (counts.max(initial=0.0) + 1.0)  # all below 1
        return self

    def scores(self, asked: Interactions, start: int, end: int) -> np.ndarray:
        """Returns the scores of some queries by what they have, `[end - start, num_candidates]`."""
        owners = asked.owners(start, end)
        ends = asked.offsets[start + 1 : end + 1][owners]
        from_last = ends - asked.offsets[start] - np.arange(len(owners))
        size = end - start, asked.num_candidates
        cells = owners * asked.num_candidates + asked.of_queries(start, end)
        own = np.bincount(cells, self.decay ** (from_last - 1.0), minlength=size[0] * size[1])
        own = own.reshape(size)
        return np.where(own > 0, 1.0 + own, self.popularity)
