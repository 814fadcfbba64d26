"""Gradient sign dropout."""

import keras
from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.registry import register_gradient_balancer


@register_gradient_balancer("graddrop")
class GradientSignDropout(GradientBalancer):
    """Keeps, entry by entry, the gradients of one sign, drawn by the signs' shares.

    With `P = ½·(1 + Σ gᵢ / Σ |gᵢ|)` and `U` uniform in [0, 1]: where `U < P` the positive entries
    are summed, elsewhere the negative ones. Entries on which all tasks agree are the plain sum. The
    reported weight of a task is the share of its entries that was kept.

    Cost: a few passes over the gradients and as many random numbers as the representation has
    entries; the one method here that grows with the batch.

    Chen et al. 2020, "Just pick a sign: optimizing deep multitask models with gradient sign
    dropout".

    Args:
        leak: The share of every gradient that is kept whatever its sign.
        seed: Of the random numbers; None takes one at random.
        name: The layer's name.

    Example:

    >>> balancer = GradientSignDropout()
    >>> combined = balancer.combine([[1.0, -2.0], [2.0, -1.0]])
    >>> [round(float(value), 3) for value in combined]
    [3.0, -3.0]
    """

    def __init__(self, leak: float = 0.0, seed: int | None = None, name: str | None = None):
        super().__init__(name=name)
        fix = "Use 0 for the method of the paper; 1 is the plain sum."
        self.leak = check_range("GradientSignDropout", "leak", leak, 0, True, high=1, fix=fix)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def prepare(self, num_tasks, size):
        return keras.random.uniform((size,), seed=self.seed_generator, dtype="float32")

    def update(self, gradients, gram, state=None, prepared=None):
        absolute = sum(ops.abs(gradient) for gradient in gradients)
        safe = ops.where(ops.equal(absolute, 0.0), ops.ones_like(absolute), absolute)
        positive = 0.5 * (1.0 + sum(gradients) / safe) > prepared
        # Entries that are zero have no sign; which side they fall on changes nothing.
        shares = [
            self.leak + (1.0 - self.leak) * ops.cast(ops.equal(gradient > 0.0, positive), "float32")
            for gradient in gradients
        ]
        weights = ops.stack([ops.mean(share) for share in shares])
        combined = sum(share * row for share, row in zip(shares, gradients, strict=True))
        return combined, weights, state

    def get_config(self):
        return {**super().get_config(), "leak": self.leak, "seed": self.seed}
