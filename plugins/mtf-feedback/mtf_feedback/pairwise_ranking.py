"""Puts the rows of a query into order, pair by pair."""

from collections.abc import Sequence
from typing import Literal

import keras_rs
from keras import ops

from mtf_feedback.peers import over_rows_with, peers
from mtf_feedback.query_ranking import QueryRanking
from mtframework import check_choice
from mtframework.registry import register_task


class _LogisticLoss(keras_rs.losses.PairwiseLogisticLoss):
    def pairwise_loss(self, pairwise_logits):
        # keras-rs writes it as a sum of relu and abs, whose gradients are both 0 at 0 on TensorFlow
        # and torch: rows that start with equal scores would never part.
        return ops.softplus(-pairwise_logits)


_LOSSES = {
    "logistic": _LogisticLoss,
    "hinge": keras_rs.losses.PairwiseHingeLoss,
    "soft_zero_one": keras_rs.losses.PairwiseSoftZeroOneLoss,
}


@register_task("pairwise_ranking")
class PairwiseRanking(QueryRanking):
    """Scores rows so that, within a query, higher labels have higher scores.

    Predictions and scores are one number a row, `[batch]`, which means something only beside those
    of the same query. With `P` for the rows of the same query in the batch that have a lower label,
    the loss of a row is

        1 / |P| · Σ_{p ∈ P} pair_loss((score − score[p]) / temperature)

    with a pair loss of keras-rs: `"logistic"`, `log(1 + exp(−d))`; `"hinge"`, `max(0, 1 − d)`; or
    `"soft_zero_one"`, `sigmoid(−d)`. Rows that have no lower one do not count in the mean, so that
    the task's weight means the same at any batch size. Only batches that hold several rows of a
    query teach anything.

    `keras_rs.losses.PairwiseLogisticLoss` and the like compare all items of a list, and take labels
    below 0 for missing; here the rows of the batch are the lists, and any number is a label.

    Burges et al. 2005, "Learning to rank using gradient descent" (RankNet, the logistic loss).

    Args:
        name: The task's name.
        label: The label's column: any numbers.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights. A pair has that of its higher row.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        query: The query's tower: rows with equal keys of that tower are one list.
        loss: The pair loss.
        temperature: What differences are divided by. More than 0.
        max_peers: With how many rows of its query a row is compared, at most.

    Example:

    >>> task = PairwiseRanking("order", label="user_rating", query="user")
    >>> inputs = {"ids": {"user": np.array([1, 1, 2])}, "valid": None, "row_weights": None}
    >>> losses = task.example_losses(np.array([5.0, 3.0, 1.0], "float32"), np.zeros(3), inputs)
    >>> ops.convert_to_numpy(losses).round(2)  # 3 · log 2: one row of three was compared
    array([2.08, 0.  , 0.  ], dtype=float32)
    """

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        hidden_units: Sequence[int] = (64,),
        query: str = "query",
        loss: Literal["logistic", "hinge", "soft_zero_one"] = "logistic",
        temperature: float = 1.0,
        max_peers: int = 64,
    ):
        super().__init__(
            name,
            label,
            loss_weight,
            sample_weight,
            missing_label,
            hidden_units,
            query,
            temperature,
            max_peers,
        )
        self.loss = check_choice(f'The task "{self.name}"', "loss", loss, tuple(_LOSSES))
        self.pair_loss = _LOSSES[loss]()

    def example_losses(self, labels, predictions, inputs):
        """Returns each row's mean loss over its pairs, `[batch]` float32."""
        if predictions.shape[0] == 0:
            return ops.cast(predictions, "float32")  # JAX refuses to take rows from none
        labels = ops.convert_to_tensor(labels)
        scores = ops.cast(predictions, "float32") / self.temperature
        rows, are_peers = peers(inputs["ids"][self.query], inputs["valid"], self.max_peers)
        lower = ops.logical_and(are_peers, ops.take(labels, rows) < labels[:, None])
        pair_losses = self.pair_loss.pairwise_loss(scores[:, None] - ops.take(scores, rows))
        num_pairs = ops.sum(ops.cast(lower, "float32"), axis=-1)
        losses = ops.sum(ops.where(lower, pair_losses, 0.0), axis=-1)
        losses = losses / ops.maximum(num_pairs, 1.0)
        return over_rows_with(num_pairs > 0, losses, inputs["row_weights"])

    def get_config(self):
        return {**super().get_config(), "loss": self.loss}
