"""The contract of gradient balancers: many tasks' gradients in, one gradient out."""

import keras
import numpy as np

from mtframework.balancing.gram import gram_matrix, weighted_sum
from mtframework.errors import ModelError
from mtframework.part import Part


class GradientBalancer(Part):
    """Combines the gradients of the tasks at the shared representation into one (abstract).

    A method that weighs whole gradients, as most do, implements `weigh`, which sees the Gram matrix
    alone: its cost does not grow with the batch. A method that looks at single entries overrides
    `update` instead.

    A balancer is a function without memory of its own. What it must remember from step to step is
    `initial_state`, handed to `weigh` and given back by it; the junction keeps it, saves it, and
    hands it on through the optimizer. What the backward pass needs from the forward pass, such as
    random numbers, comes from `prepare`.

    An absent task has a zero gradient. Unless a method says otherwise, the result is the same as
    if the task did not exist, and the state that belongs to the task does not move.

    Args:
        name: The layer's name.

    Example:

    >>> import numpy as np
    >>> class Halve(GradientBalancer):
    ...     "Takes half of the sum."
    ...     def weigh(self, gram, state=None, prepared=None):
    ...         return 0.5 * keras.ops.ones_like(keras.ops.diagonal(gram)), state
    >>> combined = Halve().combine(np.array([[1.0, 0.0], [1.0, 2.0]], "float32"))
    >>> keras.ops.convert_to_numpy(combined).tolist()
    [1.0, 1.0]
    """

    def __init__(self, name: str | None = None):
        # float32 whatever the policy: what a balancer remembers and weighs is small.
        super().__init__(name=name, dtype="float32")

    def build(self, num_tasks: int):
        """Learns how many tasks there are; again with the same number does nothing.

        Raises:
            ModelError: There is only one task, or another number than before.
        """
        if self.built:
            if num_tasks != self.num_tasks:
                raise ModelError(
                    f"The gradient balancer {self.name} was built for {self.num_tasks} tasks and "
                    f"then for {num_tasks}.",
                    "A balancer of its own for each model.",
                    "Make a new balancer for each model.",
                )
            return
        self.check(num_tasks)
        self.num_tasks = num_tasks
        self.make_variables(num_tasks)

    def check(self, num_tasks: int):
        """Raises a `ModelError` where there are fewer than two tasks; the number is known early."""
        if num_tasks < 2:
            raise ModelError(
                f"The gradient balancer {type(self).__name__} was given {num_tasks} task.",
                "At least two tasks whose gradients can be balanced.",
                "Take the gradient balancer out of the model, or add a task.",
            )

    def make_variables(self, num_tasks: int):
        """Makes the variables that `observe` fills; called once. Most methods have none."""

    def initial_state(self, num_tasks: int) -> np.ndarray | None:
        """Returns the state before the first step, a float32 vector, or None for no state.

        Under gradient accumulation Keras keeps the elementwise largest of the states of the
        accumulated steps.
        """
        return None

    def prepare(self, num_tasks: int, size):
        """Returns what the backward pass needs from the forward pass, one tensor, or None.

        Called once a training step, in the forward pass: a seed can advance there, and in the
        backward pass it cannot on every backend. `size` is the number of entries of one gradient,
        an integer or a scalar tensor.
        """
        return None

    def observe(self, losses, present):
        """Sees the step's unweighted losses, stacked: `[num_tasks]`, and a bool mask of the same.

        Called after the forward pass, in training. The default ignores them.
        """

    def weigh(self, gram, state=None, prepared=None):
        """Returns the weight of every task's gradient, and the new state.

        Args:
            gram: `[num_tasks, num_tasks]`, float32, the inner products of the gradients.
            state: The state, as `initial_state` gives it.
            prepared: What `prepare` returned.

        Returns:
            `(weights, state)`; weights: `[num_tasks]`, float32.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement weigh or update.")

    def update(self, gradients, gram, state=None, prepared=None):
        """Combines the gradients of one step.

        Args:
            gradients: A sequence of `num_tasks` vectors `[size]`, float32; not one matrix, which
                would have to be copied together.
            gram: `[num_tasks, num_tasks]`, float32, their inner products.
            state: The state, as `initial_state` gives it.
            prepared: What `prepare` returned.

        Returns:
            `(combined, weights, state)`; combined: `[size]`; weights: `[num_tasks]`, to report.
        """
        weights, state = self.weigh(gram, state, prepared)
        return weighted_sum(weights, gradients), weights, state

    def combine(self, gradients):
        """Combines gradients `[num_tasks, size]` into one `[size]`, as in a first step."""
        gradients = keras.ops.cast(keras.ops.convert_to_tensor(gradients), "float32")
        num_tasks, size = gradients.shape
        gradients = keras.ops.unstack(gradients, num=num_tasks)
        self.build(num_tasks)
        state = self.initial_state(num_tasks)
        if state is not None:
            state = keras.ops.convert_to_tensor(state)
        prepared = self.prepare(num_tasks, size)
        return self.update(gradients, gram_matrix(gradients), state, prepared)[0]

    def get_build_config(self):
        return {"num_tasks": self.num_tasks} if self.built else None

    def build_from_config(self, config):
        if config:
            self.build(config["num_tasks"])
