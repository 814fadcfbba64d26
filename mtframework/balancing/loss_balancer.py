"""The contract of loss balancers: the tasks' losses in, one scalar out."""

import math
from collections.abc import Mapping, Sequence

from keras import ops

from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.part import Part


class LossBalancer(Part):
    """Combines the losses of the tasks into the scalar to minimise (abstract).

    A method implements `balance`, on stacked losses in a fixed order; tasks are known by their name
    outside of it. It may own variables, made in `make_variables`: trainable ones learn with the
    model, others are assigned in `balance`, in training alone.

    A task that is absent (the batch has no label for it) changes nothing: it adds nothing to the
    scalar, and the state that belongs to it does not move. (A trainable variable gets a zero
    gradient; an optimizer with momentum may still carry it on.)

    The losses come multiplied by the tasks' `loss_weight`.

    Args:
        name: The layer's name.

    Example:

    >>> class Largest(LossBalancer):
    ...     "Trains the task with the largest loss."
    ...     def balance(self, losses, present, training):
    ...         weights = keras.ops.cast(keras.ops.equal(losses, keras.ops.max(losses)), "float32")
    ...         return keras.ops.sum(weights * losses), weights
    >>> balancer = Largest()
    >>> balancer.build(["rating", "watch"])
    >>> float(balancer.weigh({"rating": 1.0, "watch": 3.0}, {"rating": True, "watch": True})[0])
    3.0
    """

    min_tasks = 2
    """The smallest number of tasks for which the method makes sense."""

    def __init__(self, name: str | None = None):
        # Losses stay in float32 under mixed precision.
        super().__init__(name=name, dtype="float32")

    def build(self, task_names: Sequence[str]):
        """Learns the tasks' names and makes the variables; again with the same names does nothing.

        Raises:
            ModelError: There are too few tasks, or other ones than before.
        """
        task_names = tuple(task_names)
        if self.built:
            if task_names != self.task_names:
                raise ModelError(
                    f"The loss balancer {self.name} was built for the tasks "
                    f"{quoted_list(self.task_names)} and then for {quoted_list(task_names)}.",
                    "A balancer of its own for each model.",
                    "Make a new balancer for each model.",
                )
            return
        if len(task_names) < self.min_tasks:
            raise ModelError(
                f"The loss balancer {type(self).__name__} was given {len(task_names)} task.",
                f"At least {self.min_tasks} tasks, whose losses can be balanced.",
                "Take the loss balancer out of the model, or add a task.",
            )
        self.task_names = task_names
        self.make_variables(len(task_names))

    def make_variables(self, num_tasks: int):
        """Makes the variables of the method; called once, when the tasks are known."""

    def call(self, losses, present, training=None):
        """Returns the scalar to minimise.

        Args:
            losses: `{task name: scalar}`, weighted by the tasks' `loss_weight`.
            present: `{task name: bool scalar}`, whether the batch has a label for the task.
            training: Whether the balancer's state moves.
        """
        return self.weigh(losses, present, training)[0]

    def weigh(self, losses, present, training=None):
        """Returns the scalar to minimise, and `{task name: effective weight}` of this step.

        A task's effective weight is the derivative of the scalar by the task's loss; zero where the
        task is absent.
        """
        present = ops.stack([ops.cast(present[name], "bool") for name in self.task_names])
        stacked = ops.stack([ops.cast(losses[name], "float32") for name in self.task_names])
        stacked = ops.where(present, stacked, ops.zeros_like(stacked))
        total, weights = self.balance(stacked, present, bool(training))
        weights = ops.where(present, weights, ops.zeros_like(weights))
        return total, dict(zip(self.task_names, ops.unstack(weights), strict=True))

    def balance(self, losses, present, training: bool):
        """Combines the losses of one step.

        Args:
            losses: `[num_tasks]`, float32, zero where the task is absent.
            present: `[num_tasks]`, bool.
            training: Whether to move the state.

        Returns:
            `(total, weights)`; total: scalar; weights: `[num_tasks]`, the effective weights.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement balance.")

    def get_build_config(self):
        return {"task_names": list(self.task_names)} if self.built else None

    def build_from_config(self, config):
        if config:
            self.build(config["task_names"])


def check_loss_weights(weights: Mapping[str, float]) -> None:
    """Checks the tasks' static loss weights.

    Raises:
        ModelError: One is negative or no number, or all are zero.
    """
    for name, weight in weights.items():
        if not math.isfinite(weight) or weight < 0.0:
            raise ModelError(
                f'The loss weight of the task "{name}" is {weight}.',
                "A finite number of at least 0.",
                "Set it to 0 to leave the task out of the loss, or to a positive number.",
            )
    if not any(weights.values()):
        raise ModelError(
            f"The loss weights of all tasks ({quoted_list(weights)}) are 0.",
            "At least one positive loss weight.",
            "Give a task a positive loss_weight.",
        )


def check_known_tasks(names: Sequence[str], task_names: Sequence[str], owner: str) -> None:
    """Checks that every name is a task's.

    Raises:
        ModelError: One is not; the message suggests the nearest.
    """
    for name in names:
        if name not in task_names:
            raise ModelError(
                f'{owner}.tasks names "{name}", and there is no such task.'
                f"{did_you_mean(name, task_names)}",
                f"One of {quoted_list(task_names)}.",
                "Correct the name, or add the task.",
            )
