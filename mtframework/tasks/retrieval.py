"""Finds the candidates of a query in the whole catalogue."""

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_choice, check_sizes, is_finite_number, is_whole_number
from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.losses.catalogue_softmax import catalogue_softmax
from mtframework.losses.in_batch_softmax import (
    ExtraNegatives,
    in_batch_softmax,
    mixed_sampling_probability,
)
from mtframework.losses.whole_data_regression import whole_data_regression
from mtframework.metrics.top_k import TopK
from mtframework.part import Policy
from mtframework.registry import constructor_signature, register_task
from mtframework.tasks.task import Task, dense_head


@register_task("retrieval")
class Retrieval(Task):
    """Learns embeddings whose inner product finds a query's candidates.

    The score of a row is `query · candidate`, `[batch]`. The loss of a row is the cross-entropy of
    its candidate among negatives, with logits `score / temperature`:

    - `negatives="batch"`: among the candidates of the batch's rows. A popular candidate is in many
      batches and would be unlearned, so the logarithm of its share of the training rows is
      subtracted from its logit (`logq`; Bengio & Senécal 2008, Yi et al. 2019). The shares are
      counted from the data and saved with the model.
    - `negatives="catalogue"`: among all candidates.

    With `loss="non_sampling"` and `negatives="catalogue"` it is instead the row's part of a squared
    error over all pairs: positives are to score 1, all other candidates 0, with `negative_weight`
    (Chen et al. 2020; see `mtframework.losses.whole_data_regression`). A step then costs as much as
    the catalogue has embeddings, not pairs.

    Several retrievals may order one catalogue in several ways, over the same two towers. The
    embedding of the query is then each task's own, `query' = start + network(input)`: `start` is
    the tower's embedding, or with `start_from` the `query'` of another retrieval (one kind of
    feedback goes on from where the one before it is; the residual cascade of Gao et al. 2019).
    Behind a sharing layer, `input` is what that layer makes of the query towers for this task, the
    candidate towers' places being zero; otherwise, with `query_units`, it is `start`. Without
    either there is no network, and `query' = start`.

    A row is a query if its label is present and at least `positive_from`; the other rows do not
    count in the loss, but their candidates are negatives still, unless
    `negative_rows="positives"`.

    Args:
        name: The task's name.
        label: The label's column; None where every row is a positive.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        query: The query's tower.
        candidate: The tower of what is found.
        positive_from: The smallest label that makes a row a positive; None for any label.
        negatives: `"batch"` or `"catalogue"`.
        negative_rows: `"all"`, or `"positives"` for only the candidates of positive rows.
        temperature: What scores are divided by. More than 0.
        logq: Whether in-batch logits are corrected by the candidates' frequencies.
        remove_accidental_hits: Whether the row's own candidate, met again in the batch, is no
            negative.
        remove_known_positives: Whether the same query's other positives in the batch are no
            negatives.
        num_hard_negatives: How many of the highest-scoring negatives to keep; None for all.
        num_uniform_negatives: How many candidates, drawn uniformly from the catalogue, are
            negatives of every row beside those of the batch (mixed negative sampling; Yang et al.
            2020), so that rare candidates are pushed down as well. `logq` corrects for the mixture.
        training_top_k: The k of the top-k accuracies to report while training, among the different
            candidates of the batch (with `negatives="catalogue"` among all), out of the logits
            that the loss has anyway. `evaluate` gives those over the whole catalogue.
        seen: Which training rows make a candidate seen by their query, so that it is neither
            recommended to it nor in the `_filtered` metrics: `"own"`, those that are positives of
            this task; `"any"`; `"none"`, where people take the same thing again; or a list of
            labels, one of which is above 0.
        query_units: The sizes of the ReLU layers of the query's network, before a linear one; `()`
            for the linear one alone. None for no network, or behind a sharing layer for the linear
            one alone.
        candidate_bias: Whether each candidate has a bias of its own in this task's score.
        start_from: The retrieval task whose embedding of the query this one's starts from.
        loss: `"softmax"`, or `"non_sampling"` for the squared error over all pairs.
        negative_weight: What a pair that is no positive weighs there, where a positive weighs 1.
        shares_query: Whether the query's embedding comes out of the sharing layer, where the model
            has one.
        reduction: `"mean"`, or `"sum"` for the sum over the batch that TensorFlow Recommenders
            takes; its weight then grows with the batch size.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> task = Retrieval("watch", query="user", candidate="movie", label="rating", positive_from=4)
    >>> towers = {"user": np.ones((2, 3), "float32"), "movie": np.ones((2, 3), "float32")}
    >>> ops.convert_to_numpy(task.call({"towers": towers}))
    array([3., 3.], dtype=float32)
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
        negatives: Literal["batch", "catalogue"] = "batch",
        negative_rows: Literal["all", "positives"] = "all",
        temperature: float = 1.0,
        logq: bool = True,
        remove_accidental_hits: bool = False,
        remove_known_positives: bool = False,
        num_hard_negatives: int | None = None,
        num_uniform_negatives: int = 0,
        training_top_k: Sequence[int] = (),
        reduction: Literal["mean", "sum"] = "mean",
        seen: Literal["own", "any", "none"] | Sequence[str] = "own",
        query_units: Sequence[int] | None = None,
        candidate_bias: bool = False,
        start_from: str | None = None,
        shares_query: bool = True,
        loss: Literal["softmax", "non_sampling"] = "softmax",
        negative_weight: float = 0.01,
        dtype: Policy = None,
    ):
        super().__init__(name, label, loss_weight, sample_weight, missing_label, dtype)
        owner = f'The task "{self.name}"'
        check_choice(owner, "negatives", negatives, ("batch", "catalogue"))
        check_choice(owner, "negative_rows", negative_rows, ("all", "positives"))
        check_choice(owner, "reduction", reduction, ("mean", "sum"))
        if isinstance(seen, str):
            check_choice(owner, "seen", seen, ("own", "any", "none"))
        elif not seen or not all(isinstance(each, str) for each in seen):
            raise self.wrong("seen", seen, '"own", "any", "none", or a list of label columns.')
        if not is_finite_number(temperature) or temperature <= 0:
            raise self.wrong("temperature", temperature, "A finite number above 0.")
        if num_hard_negatives is not None and not (
            is_whole_number(num_hard_negatives) and num_hard_negatives >= 1
        ):
            raise self.wrong("num_hard_negatives", num_hard_negatives, "None, or 1 or more.")
        if not is_whole_number(num_uniform_negatives) or num_uniform_negatives < 0:
            raise self.wrong("num_uniform_negatives", num_uniform_negatives, "0 or more.")
        if num_uniform_negatives and negatives == "catalogue":
            raise self.wrong(
                "num_uniform_negatives",
                num_uniform_negatives,
                "0, since every candidate of the catalogue is a negative already.",
            )
        if positive_from is not None and label is None:
            raise self.wrong("positive_from", positive_from, "A label, to which the bound applies.")
        check_choice(owner, "loss", loss, ("softmax", "non_sampling"))
        if not is_finite_number(negative_weight) or negative_weight <= 0:
            raise self.wrong("negative_weight", negative_weight, "A finite number above 0.")
        if loss == "non_sampling":
            self._check_non_sampling(
                negatives,
                num_hard_negatives=num_hard_negatives,
                training_top_k=tuple(training_top_k),
                remove_accidental_hits=remove_accidental_hits,
                remove_known_positives=remove_known_positives,
            )
        self.loss = loss
        self.negative_weight = negative_weight
        self.query = query
        self.candidate = candidate
        self.positive_from = positive_from
        self.negatives = negatives
        self.negative_rows = negative_rows
        self.temperature = temperature
        self.logq = logq
        self.remove_accidental_hits = remove_accidental_hits
        self.remove_known_positives = remove_known_positives
        self.num_hard_negatives = num_hard_negatives
        self.num_uniform_negatives = num_uniform_negatives
        self.num_sampled_candidates = num_uniform_negatives if negatives == "batch" else 0
        self.training_top_k = check_sizes(owner, "training_top_k", training_top_k, needed=False)
        self.query_units = (
            None
            if query_units is None
            else check_sizes(owner, "query_units", query_units, needed=False)
        )
        self.has_candidate_bias = candidate_bias
        self.start_from = start_from
        self.shares_query = shares_query
        self.query_network: keras.Sequential | None = None
        self.reduction = reduction
        self.seen = seen if isinstance(seen, str) else tuple(seen)
        self.hides_seen = seen != "none"
        self.seen_labels = () if isinstance(seen, str) else tuple(seen)
        self.needs_catalogue = negatives == "catalogue"
        self.corrects = logq and negatives == "batch"

    def reads(self, towers):
        for argument, tower in (("query", self.query), ("candidate", self.candidate)):
            if tower not in towers:
                raise ModelError(
                    f'The task "{self.name}" has {argument} = "{tower}", and there is no such '
                    f"tower.{did_you_mean(tower, towers)}",
                    f"One of {quoted_list(towers)}.",
                    f"Set {self.name}/{type(self).__name__}.{argument} to the name of a tower.",
                )
        return (self.query, self.candidate)

    def build(self, input_shape):
        sizes = {name: input_shape["towers"][name][-1] for name in (self.query, self.candidate)}
        if len(set(sizes.values())) > 1:
            raise ModelError(
                f'The task "{self.name}" compares embeddings of unequal sizes: {sizes}.',
                "Two towers with the same embedding_dim.",
                "Set embedding_dim of both towers to the same number.",
            )
        self._build_views(input_shape, sizes[self.query])
        if self.loss == "non_sampling":
            self.num_positives = self.add_weight(
                shape=(input_shape["num_ids"][self.query],),
                initializer="ones",
                trainable=False,
                dtype="float32",  # half precision cannot count beyond 2,048
                autocast=False,
                name="num_positives",
            )
        if self.corrects:
            self.sampling_probability = self.add_weight(
                shape=(input_shape["num_ids"][self.candidate],),
                initializer="ones",
                trainable=False,
                dtype="float32",  # half precision has no shares of rare candidates
                autocast=False,
                name="sampling_probability",
            )

    def _build_views(self, input_shape, dim: int) -> None:
        """Makes what the query's and the candidates' embeddings differ by from the towers'."""
        self.reads_representation = self.shares_query and input_shape.get("is_shared", False)
        if self.reads_representation or self.query_units is not None:
            network = dense_head(self.query_units or (), dim)
            network.build(
                input_shape["representation"] if self.reads_representation else (None, dim)
            )
            self.query_network = network
        self.views_query = self.query_network is not None or self.start_from is not None
        if self.has_candidate_bias:
            self.bias = self.add_weight(
                shape=(input_shape["num_ids"][self.candidate], 1),
                initializer="zeros",
                name="candidate_bias",
            )

    def view_query(self, start, representation):
        """Returns the query's embedding as this task has it, `[batch, dim]`."""
        if self.query_network is None:
            return start
        read = representation if self.reads_representation else start
        return start + self.query_network(read)

    def candidate_biases(self, ids):
        """Returns what is added to candidates' scores, `[num_ids, 1]`."""
        return ops.take(ops.convert_to_tensor(self.bias), ids, axis=0)

    def weights_by_id(self):
        return {self.candidate: [self.bias]} if self.has_candidate_bias else {}

    def adapt(self, columns, ids):
        """Counts how often each candidate is a negative, or each query has a positive."""
        if self.loss == "non_sampling":
            queries = ids[self.query]
            if self.label is not None:
                labels = ops.convert_to_tensor(columns[self.label])
                queries = queries[ops.convert_to_numpy(self.valid_rows(labels))]
            counts = np.bincount(queries, minlength=self.num_positives.shape[0])
            self.num_positives.assign(np.maximum(counts, 1).astype("float32"))
        if not self.corrects:
            return
        counted = ids[self.candidate]
        if self.negative_rows == "positives" and self.label is not None:
            labels = ops.convert_to_tensor(columns[self.label])
            counted = counted[ops.convert_to_numpy(self.valid_rows(labels))]
        counts = np.bincount(counted, minlength=self.sampling_probability.shape[0])
        # A candidate never seen in training has no share; it counts as met once.
        counts = np.maximum(counts, 1)
        self.sampling_probability.assign((counts / counts.sum()).astype("float32"))

    def seen_rows(self, columns):
        """Returns which training rows make their candidate seen, as `seen` says."""
        if self.seen == "none":
            return np.zeros(len(next(iter(columns.values()))), bool)
        if self.seen == "any":
            return None
        if self.seen == "own":
            if self.label is None:
                return None
            labels = ops.convert_to_tensor(np.asarray(columns[self.label], "float32"))
            return ops.convert_to_numpy(self.valid_rows(labels))
        return np.any([np.nan_to_num(columns[label]) > 0 for label in self.seen_labels], axis=0)

    def call(self, inputs, training=None):
        """Returns the score of each row's pair, `[batch]`."""
        towers = inputs["towers"]
        return ops.sum(towers[self.query] * towers[self.candidate], axis=-1)

    def valid_rows(self, labels):
        present = super().valid_rows(labels)
        if self.positive_from is None:
            return present
        return ops.logical_and(present, labels >= self.positive_from)

    def example_losses(self, labels, predictions, inputs):
        """Returns the cross-entropy of each row's candidate, `[batch]` float32, and its rank.

        The ranks, `[batch]` float32, only with `training_top_k`.
        """
        queries = inputs["towers"][self.query]
        ids = inputs["ids"][self.candidate]
        if self.loss == "non_sampling":
            return whole_data_regression(
                queries,
                inputs["catalogue"][self.candidate],
                ops.take(inputs["catalogue_rows"], ids),
                negative_weight=self.negative_weight,
                num_positives=ops.take(self.num_positives, inputs["ids"][self.query]),
                temperature=self.temperature,
            )
        if self.negatives == "catalogue":
            return catalogue_softmax(
                queries,
                inputs["catalogue"][self.candidate],
                ops.take(inputs["catalogue_rows"], ids),
                temperature=self.temperature,
                query_ids=inputs["ids"][self.query],
                positive_rows=inputs["valid"],
                remove_known_positives=self.remove_known_positives,
                num_hard_negatives=self.num_hard_negatives,
                row_weights=inputs["row_weights"],
                with_ranks=bool(self.training_top_k),
            )
        positives = inputs["valid"]
        probability = extra = None
        if self.corrects:
            probability = self._probability(ids, inputs)
        if self.num_uniform_negatives:
            sampled_ids, sampled = inputs["sampled"]
            extra = ExtraNegatives(
                sampled,
                sampled_ids,
                self._probability(sampled_ids, inputs) if self.corrects else None,
            )
        return in_batch_softmax(
            queries,
            inputs["towers"][self.candidate],
            ids,
            query_ids=inputs["ids"][self.query],
            positive_rows=positives,
            negative_rows=self._negative_rows(inputs),
            temperature=self.temperature,
            sampling_probability=probability,
            remove_accidental_hits=self.remove_accidental_hits,
            remove_known_positives=self.remove_known_positives,
            num_hard_negatives=self.num_hard_negatives,
            extra=extra,
            num_candidates=inputs["num_ids"].get(self.candidate),
            row_weights=inputs["row_weights"],
            with_ranks=bool(self.training_top_k),
        )

    def _negative_rows(self, inputs):
        """Returns which rows' candidates may be negatives, `[batch]` bool; None for all."""
        return inputs["valid"] if self.negative_rows == "positives" else inputs.get("counted")

    def _probability(self, ids, inputs):
        """Returns how probable candidates are as negatives, `[num_ids]`."""
        probability = ops.take(self.sampling_probability, ids)
        if not self.num_uniform_negatives:
            return probability
        rows = self._negative_rows(inputs)
        if rows is not None:
            num_in_batch = ops.sum(ops.cast(rows, "float32"))
        else:
            num_in_batch = ops.cast(ops.shape(inputs["ids"][self.candidate])[0], "float32")
        return mixed_sampling_probability(
            probability, num_in_batch, self.num_uniform_negatives, inputs["num_candidates"]
        )

    def make_metrics(self):
        return [TopK(k) for k in self.training_top_k]

    def get_config(self):
        return {
            **super().get_config(),
            "query": self.query,
            "candidate": self.candidate,
            "positive_from": self.positive_from,
            "negatives": self.negatives,
            "negative_rows": self.negative_rows,
            "temperature": self.temperature,
            "logq": self.logq,
            "remove_accidental_hits": self.remove_accidental_hits,
            "remove_known_positives": self.remove_known_positives,
            "num_hard_negatives": self.num_hard_negatives,
            "num_uniform_negatives": self.num_uniform_negatives,
            "training_top_k": list(self.training_top_k),
            "reduction": self.reduction,
            "seen": self.seen if isinstance(self.seen, str) else list(self.seen),
            "query_units": None if self.query_units is None else list(self.query_units),
            "candidate_bias": self.has_candidate_bias,
            "start_from": self.start_from,
            "shares_query": self.shares_query,
            "loss": self.loss,
            "negative_weight": self.negative_weight,
        }

    @classmethod
    def from_config(cls, config):
        if "shares_query" in constructor_signature(cls).parameters:
            # Before there was the argument, a retrieval read the towers, whatever came behind.
            config = {"shares_query": False, **config}
        return super().from_config(config)

    def _check_non_sampling(self, negatives: str, **others) -> None:
        """Raises a `ModelError` for what has no meaning where nothing is sampled."""
        if negatives != "catalogue":
            raise ModelError(
                f'The task "{self.name}" has loss = "non_sampling" and negatives = "{negatives}".',
                'negatives = "catalogue": every other candidate is a negative.',
                f"Set {self.name}/{type(self).__name__}.negatives = 'catalogue'.",
            )
        for argument, value in others.items():
            if value:
                raise self.wrong(
                    argument, value, 'Its default with loss = "non_sampling", which has no such.'
                )
