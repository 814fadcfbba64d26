"""Puts the rows of a query into order, as a whole."""

from keras import ops

from mtf_feedback.peers import over_rows_with, peers
from mtf_feedback.query_ranking import QueryRanking
from mtframework.registry import register_task


@register_task("listwise_ranking")
class ListwiseRanking(QueryRanking):
    """Scores rows so that the order of a query's labels is the likeliest (ListMLE).

    Predictions and scores are one number a row, `[batch]`, which means something only beside those
    of the same query. An order is drawn from the top, each next row with the probability that a
    softmax over what is left gives it. With `P` for the rows of the same query in the batch that do
    not have a higher label, the row itself among them, the loss of a row is

        log Σ_{p ∈ P} exp(score[p] / temperature) − score / temperature

    and the sum over a query's rows is the negative log-likelihood of its order. Rows of equal
    labels stay in one another's `P`, as Breslow 1974 treats ties: the loss does not depend on how
    the batch is arranged. Rows that have nothing else in `P` do not count in the mean. Only batches
    that hold several rows of a query teach anything.

    `keras_rs.losses.ListMLELoss` gives the same where labels differ and scores lie close together.
    It returns one loss a list, takes labels below 0 for missing, orders ties by position, and is
    wrong for a row whose score lies 23 or more below the best.

    Xia et al. 2008, "Listwise approach to learning to rank: theory and algorithm".

    Args:
        name: The task's name.
        label: The label's column: any numbers.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        query: The query's tower: rows with equal keys of that tower are one list.
        temperature: What scores are divided by. More than 0.
        max_peers: With how many rows of its query a row is compared, at most.

    Example:

    >>> task = ListwiseRanking("order", label="user_rating", query="user")
    >>> inputs = {"ids": {"user": np.array([1, 1, 2])}, "valid": None, "row_weights": None}
    >>> losses = task.example_losses(np.array([5.0, 3.0, 1.0], "float32"), np.zeros(3), inputs)
    >>> ops.convert_to_numpy(losses).round(2)  # 3 · log 2: one row of three was compared
    array([2.08, 0.  , 0.  ], dtype=float32)
    """

    def example_losses(self, labels, predictions, inputs):
        """Returns how unlikely each row is to come next, `[batch]` float32."""
        if predictions.shape[0] == 0:
            return ops.cast(predictions, "float32")  # JAX refuses to take rows from none
        labels = ops.convert_to_tensor(labels)
        scores = ops.cast(predictions, "float32") / self.temperature
        rows, are_peers = peers(inputs["ids"][self.query], inputs["valid"], self.max_peers)
        left = ops.logical_and(are_peers, ops.take(labels, rows) <= labels[:, None])
        # The row itself stands first, whether or not it is among the peers that were kept.
        others = ops.where(left, ops.take(scores, rows), -1e30)
        remaining = ops.concatenate([scores[:, None], others], axis=-1)
        losses = ops.logsumexp(remaining, axis=-1) - scores
        return over_rows_with(ops.any(left, axis=-1), losses, inputs["row_weights"])
