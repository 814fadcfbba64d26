"""Finds the candidates of a query, with the loss of TensorFlow Recommenders."""

import inspect
from collections.abc import Sequence
from typing import Literal

from keras import ops

from mtf_tfrs.legacy_keras import import_tfrs
from mtframework import Retrieval
from mtframework.registry import register_task


@register_task("tfrs_retrieval")
class TfrsRetrieval(Retrieval):
    """Learns embeddings that find a query's candidates, with the loss of `tfrs.tasks.Retrieval`.

    The loss of a row is what the TFRS task returns when its cross-entropy is not reduced; the model
    then takes its one weighted mean over the rows that count. TFRS itself takes the sum over the
    batch: `reduction="sum"` does too.

    It serves, recommends and is evaluated as `Retrieval` is; TFRS's `FactorizedTopK` has no part in
    it. `Retrieval` computes the same loss faster, on every backend, and has more to set.

    A row without a label, or with one below `positive_from`, is not a query, and its candidate
    stays a negative of the others.

    It needs TensorFlow as Keras's backend. Making one sets TF_USE_LEGACY_KERAS, so that `tf.keras`
    is Keras 2 from then on; `import keras` stays Keras 3.

    Args:
        name: The task's name.
        label: The label's column; None where every row is a positive.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        query: The query's tower.
        candidate: The tower of what is found.
        positive_from: The smallest label that makes a row a positive; None for any label.
        temperature: What scores are divided by. More than 0.
        logq: Whether TFRS is given `candidate_sampling_probability`: each candidate's share of the
            training rows. It raises shares below a millionth to that.
        remove_accidental_hits: Whether the row's own candidate, met again in the batch, is no
            negative.
        num_hard_negatives: How many of the highest-scoring negatives to keep; None for all.
        reduction: `"mean"`, or `"sum"` as in TFRS, whose weight grows with the batch size.
        seen: What counts as seen by a query, as in `Retrieval`.
        query_units: As in `Retrieval`, and so are the next three.
        candidate_bias: Whether each candidate has a bias.
        start_from: The retrieval whose embedding of the query this one's starts from.
        shares_query: Whether the query's embedding comes out of the sharing layer.

    Example:

    >>> task = TfrsRetrieval("watch", query="user", candidate="movie")
    >>> towers = {"user": np.zeros((2, 3), "float32"), "movie": np.zeros((2, 3), "float32")}
    >>> inputs = {"towers": towers, "ids": {"movie": np.array([1, 2])}}
    >>> ops.convert_to_numpy(task.example_losses(None, None, inputs)).round(4)  # log 2
    array([0.6931, 0.6931], dtype=float32)
    """

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        query: str = "query",
        candidate: str = "candidate",
        positive_from: float | None = None,
        temperature: float = 1.0,
        logq: bool = False,
        remove_accidental_hits: bool = False,
        num_hard_negatives: int | None = None,
        reduction: Literal["mean", "sum"] = "mean",
        seen: str | Sequence[str] = "own",
        query_units: Sequence[int] | None = None,
        candidate_bias: bool = False,
        start_from: str | None = None,
        shares_query: bool = True,
    ):
        super().__init__(
            name,
            label,
            loss_weight,
            sample_weight,
            missing_label,
            query=query,
            candidate=candidate,
            positive_from=positive_from,
            temperature=temperature,
            logq=logq,
            remove_accidental_hits=remove_accidental_hits,
            num_hard_negatives=num_hard_negatives,
            reduction=reduction,
            seen=seen,
            query_units=query_units,
            candidate_bias=candidate_bias,
            start_from=start_from,
            shares_query=shares_query,
        )
        self.unreduced = _unreduced_retrieval(
            temperature, num_hard_negatives, remove_accidental_hits
        )

    def example_losses(self, labels, predictions, inputs):
        """Returns the cross-entropy of each row's candidate, `[batch]` float32."""
        queries, candidates = (
            ops.cast(inputs["towers"][tower], "float32") for tower in (self.query, self.candidate)
        )
        ids = inputs["ids"][self.candidate]
        if self.corrects:
            probability = ops.take(self.sampling_probability, ids)
        else:
            probability = ops.ones_like(ids, "float32")  # TFRS subtracts their logarithm
        return self.unreduced(queries, candidates, ops.cast(ids, "int32"), probability)

    def get_config(self):
        own = set(inspect.signature(type(self).__init__).parameters) | {"trainable", "dtype"}
        return {key: value for key, value in super().get_config().items() if key in own}


def _unreduced_retrieval(temperature, num_hard_negatives, remove_accidental_hits):
    """Returns a function of queries, candidates, ids and probabilities to `[batch]` losses."""
    tfrs = import_tfrs(TfrsRetrieval.__name__)
    import tensorflow as tf

    task = tfrs.tasks.Retrieval(
        loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction="none"),
        temperature=temperature,
        num_hard_negatives=num_hard_negatives,
        remove_accidental_hits=remove_accidental_hits,
    )
    rows, vectors = tf.TensorSpec([None]), tf.TensorSpec([None, None])

    # TFRS is written for autograph, which Keras 3 does without.
    @tf.function(input_signature=[vectors, vectors, tf.TensorSpec([None], tf.int32), rows])
    def losses(queries, candidates, ids, probability):
        each = task(
            queries,
            candidates,
            candidate_ids=ids,
            candidate_sampling_probability=probability,
            compute_metrics=False,
            compute_batch_metrics=False,
        )
        return each[: tf.shape(queries)[0]]  # of no rows, TensorFlow makes one loss

    return losses
