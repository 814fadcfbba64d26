"""The contract of a task."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_sizes, wrong_argument
from mtframework.errors import ModelError
from mtframework.part import Part, Policy, PolicyScope
from mtframework.tasks.inputs import CallInputs, LossInputs


class Task(Part):
    """One objective: a head, a loss a row, and metrics. Abstract.

    A task never reduces, masks or weights its losses: the model does, and in the same way for
    every task, so that loss weights mean what they say (see `mtframework.MultiTaskModel`).

    To write one, subclass it, give the constructor a closed signature that passes the
    arguments below on, and implement `call` and `example_losses`; see `docs/write_a_task.md`.

    Args:
        name: The task's name, by which losses, metrics and weights are reported. In a Gin file,
            the scope.
        label: The label's column. None where every row is a positive.
        loss_weight: What the task's loss is multiplied with in the total. Zero or more.
        sample_weight: The column of the rows' weights; None for equal weights.
        missing_label: A label value that means "not known", beside NaN and None.
        dtype: The dtype policy that it computes under; None for Keras's global one.
    """

    #: What the label's column is: "numeric", or "categorical" where the task reads ids of classes.
    label_kind: Literal["numeric", "categorical"] = "numeric"

    #: Stands in for a missing label in the arithmetic of a row that does not count.
    label_placeholder = 0.0

    #: "mean" for the weighted mean over the rows that count.
    reduction = "mean"

    #: The task whose feedback this one's can only follow, in a chain.
    parent: str | None = None

    #: The towers of the query and of the candidate. A task that names both **retrieves**: its score
    #: is the inner product of their embeddings, it is judged over the whole catalogue, and
    #: candidates are found and sorted by it.
    query: str = ""
    candidate: str = ""

    #: The retrieval task whose view of the query is where this one's begins, in place of the tower.
    start_from: str | None = None

    #: Whether its query's embedding is not the tower's, but what `view_query` makes of it.
    views_query = False

    #: Whether `view_query` reads the representation, which is then made of query towers alone.
    reads_representation = False

    #: Whether a candidate has a bias, which `candidate_biases` gives.
    has_candidate_bias = False

    #: Whether its scores are probabilities, which a task that follows in a chain multiplies with.
    gives_probability = False

    #: Whether the mean label of the training rows is a prediction to be better than.
    is_compared_with_mean = False

    #: The labels, beside its own, by which candidates count as seen.
    seen_labels: tuple[str, ...] = ()

    #: Whether what a query has seen is hidden from it.
    hides_seen = True

    #: Whether `example_losses` reads the embeddings of the whole catalogue.
    needs_catalogue = False

    #: The model that the task is part of, which keeps its loss weight as a variable.
    model: Callable[[], Any] | None = None

    #: How many candidates, drawn uniformly from the catalogue, `example_losses` reads.
    num_sampled_candidates = 0

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        for argument, column in (("label", label), ("sample_weight", sample_weight)):
            if column is not None and (not isinstance(column, str) or not column):
                raise self.wrong(argument, column, "The name of a column, or None.")
        self.label = label
        self.loss_weight = loss_weight
        self.sample_weight = sample_weight
        self.missing_label = missing_label

    @property
    def loss_weight(self) -> float:
        """What the task's loss is multiplied with in the total.

        A callback may change it, as often as before each step; nothing is compiled again.
        """
        return self._loss_weight

    @loss_weight.setter
    def loss_weight(self, loss_weight: float) -> None:
        if not 0 <= _as_number(loss_weight) < float("inf"):
            fix = (
                "Correct loss_weight. To push a score down, give it a negative weight when "
                "serving, not in the loss."
            )
            raise self.wrong("loss_weight", loss_weight, "A finite number of at least 0.", fix)
        self._loss_weight = float(loss_weight)
        model = self.model() if self.model is not None else None
        if model is not None:
            model.set_loss_weight(self.name, self._loss_weight)

    def wrong(
        self, argument: str, value: object, expected: str, fix: str | None = None
    ) -> ModelError:
        """Returns the error for an argument that is not what it should be."""
        place = f"{self.name}/{type(self).__name__}"
        return wrong_argument(f'The task "{self.name}"', argument, value, expected, fix, place)

    @property
    def retrieves(self) -> bool:
        """Whether candidates are found by the inner product of two towers' embeddings."""
        return bool(self.query and self.candidate)

    def reads(self, towers: tuple[str, ...]) -> tuple[str, ...]:
        """Returns which of the model's towers the task reads, and checks their names."""
        return towers

    def adapt(self, columns: Mapping[str, np.ndarray], ids: Mapping[str, np.ndarray]) -> None:
        """Learns what the task must know of the training rows; called once it is built.

        Args:
            columns: The encoded columns of the training rows: `{name: [num_rows]}`.
            ids: The key ids by tower name: `{tower: [num_rows]}`.
        """

    def use_classes(self, names: Sequence[str]) -> None:
        """Is told the classes of a categorical label, by their ids from 1; 0 is missing or unknown.

        Called before `adapt`, and when a model is loaded.
        """

    def seen_rows(self, columns: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Returns which training rows make their candidate seen by their query.

        What is seen is not recommended by this task, and is left out of its `_filtered` metrics.

        Args:
            columns: The encoded columns of the training rows: `{name: [num_rows]}`.

        Returns:
            `[num_rows]` bool; None where every row does.
        """
        return None

    def view_query(self, start, representation):
        """Returns the query's embedding as this task has it, where it has `views_query`.

        Args:
            start: The tower's embedding, or the view of the task `start_from`: `[batch, dim]`.
            representation: What the sharing layer makes of the query towers for this task,
                `[batch, units]`; None unless the task has `reads_representation`.

        Returns:
            `[batch, dim]`.
        """
        return start

    def candidate_biases(self, ids):
        """Returns what is added to candidates' scores, `[num_ids, 1]`, by their key ids."""
        raise NotImplementedError(f"{type(self).__name__} has no candidate_biases().")

    def weights_by_id(self) -> dict[str, list[keras.Variable]]:
        """Returns the weights that have a row for each key id of a tower, by tower.

        When a vocabulary grows, a warm start moves them row by row.
        """
        return {}

    def call(self, inputs: CallInputs, training=None):
        """Returns the predictions of a batch.

        Args:
            inputs: The towers' embeddings and the task's representation.
            training: Whether the call is part of a training step.
        """
        raise NotImplementedError(f"{type(self).__name__} has no call().")

    def example_losses(self, labels, predictions, inputs: LossInputs):
        """Returns one loss a row, `[batch]`, unreduced.

        It may return `(losses, measured)`: what the metrics read in place of the scores, `[batch]`,
        where it falls out of the losses' arithmetic.

        Args:
            labels: `[batch]` float32; `label_placeholder` where missing. None without a label.
            predictions: What `call` returned.
            inputs: The towers' embeddings, and what the task declares that it needs; see
                `mtframework.tasks.inputs.LossInputs`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no example_losses().")

    def scores(self, predictions):
        """Returns the served numbers, `[batch]`, of what `call` returned; by name where several."""
        return predictions

    def metric_labels(self, labels):
        """Returns the labels as the metrics read them."""
        return labels

    def metric_scores(self, scores):
        """Returns what `scores` gave as the metrics read it, `[batch]` or `[batch, num_parts]`."""
        return scores

    def constant_scores(self, labels: np.ndarray):
        """Returns the scores, the same for every row, that only the training labels tell.

        Args:
            labels: Those of the training rows that count, as the metrics read them.
        """
        return labels.mean(dtype="float64")

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns new metrics; they are updated with labels, scores and the rows' weights."""
        return []

    def valid_rows(self, labels):
        """Returns which rows count, `[batch]` bool; None where all do."""
        if labels is None:
            return None
        present = ops.logical_not(ops.isnan(labels))
        if self.missing_label is not None:
            present = ops.logical_and(present, ops.not_equal(labels, self.missing_label))
        return present

    def get_config(self):
        return {
            **super().get_config(),
            "label": self.label,
            "loss_weight": self.loss_weight,
            "sample_weight": self.sample_weight,
            "missing_label": self.missing_label,
        }


def require_label(task: Task) -> None:
    """Checks that a task that learns from a label names one; for the task's constructor.

    Raises:
        ModelError: `task.label` is None.
    """
    if task.label is None:
        raise ModelError(
            f'The task "{task.name}" ({type(task).__name__}) has no label.',
            "The name of the label's column.",
            f"Set {task.name}/{type(task).__name__}.label to a column of the data set.",
        )


def _as_number(value: Any) -> float:
    """Returns a number or a scalar of a backend as a float, NaN for anything else."""
    if isinstance(value, (bool, str)):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def dense_head(
    hidden_units: Sequence[int], outputs: int = 1, use_bias: bool = True, dtype: Policy = None
) -> keras.Sequential:
    """Returns dense ReLU layers followed by a linear one: `[batch, units]` to `[batch, outputs]`.

    Args:
        hidden_units: The sizes of the ReLU layers.
        outputs: The size of the linear layer.
        use_bias: Whether the linear layer has biases.
        dtype: The dtype policy of the layers: `self.dtype_policy` in the constructor of a task,
            None for Keras's global one.

    Example:

    >>> head = dense_head([256, 128])
    >>> [layer.units for layer in head.layers]
    [256, 128, 1]
    """
    hidden_units = check_sizes("The head", "hidden_units", hidden_units, needed=False)
    with PolicyScope(dtype):
        hidden = [keras.layers.Dense(units, activation="relu") for units in hidden_units]
        last = keras.layers.Dense(outputs, use_bias=use_bias)
        return keras.Sequential([*hidden, last], name="head")


def check_binary(task: Task, labels: np.ndarray) -> None:
    """Raises a `ModelError` where a label that should be 0 or 1 is something else."""
    present = labels[~np.isnan(labels)]
    if task.missing_label is not None:
        present = present[present != task.missing_label]
    other = present[(present != 0) & (present != 1)]
    if other.size:
        raise ModelError(
            f'The label "{task.label}" of the task "{task.name}" holds {other[0]:g}.',
            "0, 1 or missing in every row.",
            "Use BinaryFeedback and set positive_from to the smallest positive value, or correct "
            "the column.",
        )
