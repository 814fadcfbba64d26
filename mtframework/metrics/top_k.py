"""Top-k accuracy out of ranks, as a Keras metric."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mtframework")
class TopK(keras.metrics.Mean):
    """The weighted share of rows whose candidate is among the best `k`; 0 is the best rank.

    Args:
        k: How many of the best count.
        name: The metric's name; by default `top_{k}`.

    Example:

    >>> metric = TopK(5)
    >>> metric.update_state(None, np.array([0, 4, 5, 99]))
    >>> float(metric.result())
    0.5
    """

    higher_is_better = True

    def __init__(self, k: int, name: str | None = None):
        super().__init__(name=name or f"top_{k}")
        self.k = k

    def update_state(self, labels, ranks, sample_weight=None):
        """Adds a batch of ranks, 0 the best; there are no labels to look at."""
        hits = ops.cast(ops.less_equal(ranks, self.k - 1), "float32")
        super().update_state(hits, sample_weight=sample_weight)

    def get_config(self):
        return {"k": self.k, "name": self.name}
