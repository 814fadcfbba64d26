"""A task under check: models with it, and what they ask of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from mtframework.model.model import MultiTaskModel
from mtframework.tasks.feedback import BinaryFeedback
from mtframework.tasks.ranking import Ranking
from mtframework.tasks.task import Task
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import (
    Rows,
    adapted,
    example_dataset,
    example_towers,
    inputs_of,
)

COMPANION, PARENT = "contract_companion", "contract_parent"
"""The task beside the one under check, the label of its parent, and their label columns."""


@dataclass(frozen=True)
class TaskCase:
    """What `check_task` was given."""

    make: Callable[[], Task]
    labels: tuple[float | str, ...]
    compares_rows: bool
    query: str
    candidate: str

    def model(self) -> "TaskModel":
        """Returns a new model with a new task in it."""
        return TaskModel(self)

    def clause(self, name: str, fix: str) -> Clause:
        """Returns a clause of this task."""
        return Clause.of(name, self.make, fix)


class TaskModel:
    """A model of the task under check and another one that does not count, with its data.

    Args:
        case: What `check_task` was given.
    """

    def __init__(self, case: TaskCase):
        self.task = case.make()
        self.companion = Ranking(COMPANION, label=COMPANION, loss_weight=0.0, hidden_units=[])
        tasks: list[Task] = [self.task, self.companion]
        columns: dict[str, tuple[float | str, ...]] = {COMPANION: (0.0, 1.0)}
        if self.task.parent is not None:
            tasks.append(BinaryFeedback(self.task.parent, label=PARENT, loss_weight=0.0))
            columns[PARENT] = (0.0, 1.0)
        if self.task.label is not None:
            columns[self.task.label] = case.labels
        towers = example_towers(case.query, case.candidate)
        self.data = example_dataset(columns)
        self.model = adapted(MultiTaskModel(towers, tasks), self.data)
        self.seed_state = ops.convert_to_numpy(self.model.seed_generator.state)

    def rows(self) -> Rows:
        """Returns the encoded test rows, one batch."""
        return self.data.encode(self.data.test)

    def observe(self, rows: Rows) -> "Observed":
        """Returns what the task makes of a batch, as the model sees it."""
        features, labels, weights = inputs_of(self.model, rows)
        outputs = self.model(features, training=False)
        seen: dict[str, Any] = {}
        plain = self.task.example_losses

        def recorded(labels, predictions, inputs):
            losses = plain(labels, predictions, inputs)
            seen["labels"] = labels
            if isinstance(losses, tuple):
                seen["losses"], seen["measured"] = losses
            else:
                scores = self.task.scores(predictions)
                seen["losses"], seen["measured"] = losses, self.task.metric_scores(scores)
            return losses

        self.task.example_losses = recorded  # what it is given is known to the model alone
        try:
            self.model.reset_metrics()
            self.model.seed_generator.state.assign(self.seed_state)  # the same draws each time
            self.model.compute_loss(features, labels, outputs, weights, training=False)
        finally:
            del self.task.example_losses
        predictions = outputs[self.task.name]
        return Observed(
            predictions=predictions,
            losses=seen["losses"],
            measured=seen["measured"],
            scores=self.model.score(self.task.name, outputs),
            metric_labels=self.task.metric_labels(seen["labels"]),
            loss=float(ops.convert_to_numpy(self.model.reports[self.task.name].loss.result())),
        )


@dataclass(frozen=True)
class Observed:
    """What a task made of a batch: tensors of its rows, and the model's loss of the task."""

    predictions: Any
    losses: Any
    measured: Any
    scores: Any
    metric_labels: Any
    loss: float
