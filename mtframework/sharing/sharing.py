"""The contract of a sharing layer: one representation in, one for each task out."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mtframework.part import Part, Policy


class Sharing(Part):
    """Stands between the towers and the tasks' heads, and decides what the tasks share. Abstract.

    The model hands it what the towers give, once for each task, `{task: [batch, units]}`, and gets
    `{task: [batch, output_units]}`. The numbers are the same for every task. Without a gradient
    balancer it is even one tensor, and what the tasks share runs once. With one it is a copy for
    each task, whose gradients the model keeps apart; then each task runs on its own copy, at the
    cost of one pass for each task.

    To write one, subclass it, give the constructor a closed signature that passes `name` on, set
    `output_units`, make the weights in `build`, and implement `represent`. A layer that can tell
    how its parts are used reports it in `observe`; see `mtframework.sharing.gate_use`.

    Args:
        name: The layer's name.

    Example:

    >>> class Scaled(Sharing):
    ...     "Gives each task the representation, scaled by learned factors."
    ...
    ...     def build(self, input_shape):
    ...         self.output_units = next(iter(input_shape.values()))[-1]
    ...         shape = (self.output_units,)
    ...         self.scales = {
    ...             task: self.add_weight(shape=shape, initializer="ones", name=task)
    ...             for task in input_shape
    ...         }
    ...
    ...     def represent(self, representation, tasks, training=None):
    ...         return {task: representation * self.scales[task] for task in tasks}
    >>> shared = np.ones((4, 3), "float32")
    >>> represented = Scaled()({"rating": shared, "watch": shared})
    >>> {task: tuple(each.shape) for task, each in represented.items()}
    {'rating': (4, 3), 'watch': (4, 3)}
    """

    #: The size of what each task gets; known from the constructor on, or at the latest once built.
    output_units: int

    def __init__(self, name: str | None = None, dtype: Policy = None):
        super().__init__(name=name, dtype=dtype)
        # Keras would cast the tasks' inputs one by one, and what was one tensor would be many.
        self.autocast = False

    def build(self, input_shape: Mapping[str, tuple[int | None, int]]) -> None:
        """Makes the weights, given `{task: (None, units)}`."""

    def call(self, inputs: Mapping[str, Any], training=None) -> dict[str, Any]:
        """Returns `{task: [batch, output_units]}`, of `{task: [batch, units]}`.

        `inputs` may leave tasks out; then nothing is computed that only they need.
        """
        outputs = {}
        for representation, tasks in _tasks_by_tensor(inputs):
            representation = ops.cast(representation, self.compute_dtype)
            outputs.update(self.represent(representation, tasks, training))
        return {task: outputs[task] for task in inputs}

    def represent(self, representation, tasks: Sequence[str], training=None) -> dict[str, Any]:
        """Returns what some of the tasks get.

        Args:
            representation: What the towers give, `[batch, units]`, in the compute dtype.
            tasks: Which tasks, in the order of the model.
            training: Whether the call is part of a training step.

        Returns:
            `{task: [batch, output_units]}` for each of `tasks`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no represent().")

    @property
    def weights_of_no_task(self) -> Sequence[keras.Variable]:
        """The weights that mean the same whichever tasks there are.

        A warm start keeps them where tasks were added or removed; the others then start afresh.
        """
        return ()

    def observe(self) -> None:
        """Counts what the last training step showed, in metrics; the model calls it once a step.

        A metric cannot be updated in `call` on JAX. The default has nothing to count.
        """

    def get_build_config(self):
        return None  # the model builds its sharing layer


def _tasks_by_tensor(inputs: Mapping[str, Any]) -> list[tuple[Any, list[str]]]:
    """Returns each distinct tensor and the tasks that are given it: equal is not enough."""
    groups: dict[int, tuple[Any, list[str]]] = {}
    for task, tensor in inputs.items():
        groups.setdefault(id(tensor), (tensor, []))[1].append(task)
    return list(groups.values())
