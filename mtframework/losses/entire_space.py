"""The loss of feedback that can only follow other feedback."""

from collections.abc import Sequence

from keras import ops

# Below it, 1 - p is nearer to 1 than to 0, and each of the two forms of its logarithm is exact on
# its own side.
_LOG_HALF = -0.6931471805599453


def entire_space_cross_entropy(labels, logits: Sequence):
    """Returns the cross-entropy of a product of probabilities, one a link of a chain.

    With `p = Π sigmoid(logits[link])`, the loss of a row is
    `−label · log p − (1 − label) · log(1 − p)`, computed from `log p` alone, so that neither very
    likely nor very unlikely chains lose digits. It is defined on all rows: whoever did not click
    did not buy either, so that the conditional probability of the last link is learned without the
    selection that training on clicks alone would make.

    Args:
        labels: `[batch]` float32, 1 where the whole chain came about.
        logits: For each link, the first one first, the logit of the link given those before it,
            `[batch]` float32.

    Returns:
        `[batch]` float32.

    Source: Ma et al., Entire Space Multi-Task Model, SIGIR 2018, for any number of links.

    Example:

    >>> half, sure = ops.zeros((1,)), ops.full((1,), 100.0)
    >>> losses = entire_space_cross_entropy(ops.zeros((1,)), [half, half, sure])
    >>> round(float(losses[0]), 4)  # -log(1 - 1/4)
    0.2877
    """
    log_probability = sum(ops.log_sigmoid(each) for each in logits)
    # A chain that is certain in float32 would have an infinite loss where it broke.
    log_probability = ops.minimum(log_probability, -1e-7)
    return -(labels * log_probability + (1.0 - labels) * _log_of_rest(log_probability))


def _log_of_rest(log_probability):
    """Returns log(1 − p) of log p < 0."""
    is_likely = log_probability > _LOG_HALF
    # The branch that is not taken must have finite gradients, too.
    likely = ops.where(is_likely, log_probability, _LOG_HALF)
    unlikely = ops.where(is_likely, _LOG_HALF, log_probability)
    return ops.where(is_likely, ops.log(-ops.expm1(likely)), ops.log1p(-ops.exp(unlikely)))
