"""Fast adaptive multitask optimization."""

from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.registry import register_loss_balancer

SMALLEST_LOSS = 1e-8


@register_loss_balancer("famo")
class FastAdaptiveWeights(LossBalancer):
    """Lowers the logarithms of all losses at the same rate, from the losses alone.

    With `z = softmax(w)` over the present tasks: `c · Σ zᵢ·log(lossᵢ)`, where `c = 1 / Σ
    (zᵢ/lossᵢ)` is held constant, so that a loss has the weight `c·zᵢ/lossᵢ` and the weights sum to
    1. The logits follow `w ← w − learning_rate · (Jᵀδ + decay·w)`, with `J` the softmax's Jacobian
    and `δᵢ = log(lossᵢ before a step) − log(lossᵢ after it)`: tasks that fell little gain weight.

    The paper measures "after" by a second forward pass over the same batch. Here it is the next
    batch's loss, which costs nothing. That adds the difference between two batches to each δ; these
    differences cancel from step to step (the sum of the δ is the log of the first loss over the
    last), so the logits see noise of one step's size and no drift. Beside that the logits take
    plain steps as in the paper's algorithm, not Adam's as in its code. Where a task was absent,
    "before" is its last loss.

    Losses must be positive: below 1e-8 a loss counts as 1e-8. Static weights have no effect: they
    cancel in the logarithms' differences and in `c`.

    Cost: three numbers a task.

    Liu et al. 2023, "FAMO: fast adaptive multitask optimization".

    Args:
        learning_rate: Of the logits.
        decay: Of the logits towards equal weights.
        name: The layer's name.

    Example:

    >>> balancer = FastAdaptiveWeights()
    >>> balancer.build(["rating", "watch"])
    >>> present = {"rating": True, "watch": True}
    >>> total, weights = balancer.weigh({"rating": 1.0, "watch": 3.0}, present, training=True)
    >>> round(float(weights["rating"]), 3), round(float(weights["watch"]), 3)
    (0.75, 0.25)
    """

    def __init__(self, learning_rate: float = 0.025, decay: float = 0.001, name: str | None = None):
        super().__init__(name=name)
        check_range("FastAdaptiveWeights", "learning_rate", learning_rate, 0, inclusive=False)
        check_range("FastAdaptiveWeights", "decay", decay, 0, inclusive=True)
        self.learning_rate = learning_rate
        self.decay = decay

    def make_variables(self, num_tasks):
        self.logits, self.last_logs, self.seen = (
            self.add_weight(shape=(num_tasks,), initializer="zeros", trainable=False, name=name)
            for name in ("logits", "last_logs", "seen")
        )

    def balance(self, losses, present, training):
        safe = ops.where(present, ops.maximum(losses, SMALLEST_LOSS), ops.ones_like(losses))
        logs = ops.log(safe)
        if training:
            self._learn(ops.stop_gradient(logs), present)
        shares = _softmax(ops.convert_to_tensor(self.logits), ops.cast(present, "float32"))
        constant = ops.stop_gradient(1.0 / ops.maximum(ops.sum(shares / safe), 1e-30))
        return constant * ops.sum(shares * logs), ops.stop_gradient(constant * shares / safe)

    def _learn(self, logs, present):
        """Moves the logits of the tasks whose losses are known before and after."""
        logits, last = ops.convert_to_tensor(self.logits), ops.convert_to_tensor(self.last_logs)
        seen = ops.convert_to_tensor(self.seen)
        known = ops.cast(present, "float32") * seen
        fall = known * (last - logs)
        # Jᵀδ = z·(δ − Σ z·δ), with the sum over the known tasks, so that the others stand still.
        shares = _softmax(logits, known)
        slope = shares * (fall - ops.sum(shares * fall))
        self.logits.assign(logits - self.learning_rate * known * (slope + self.decay * logits))
        self.last_logs.assign(ops.where(present, logs, last))
        self.seen.assign(ops.maximum(seen, ops.cast(present, "float32")))

    def get_config(self):
        return {
            **super().get_config(),
            "learning_rate": self.learning_rate,
            "decay": self.decay,
        }


def _softmax(logits, mask):
    parts = mask * ops.exp(logits - ops.max(logits))
    return parts / ops.maximum(ops.sum(parts), 1e-30)
