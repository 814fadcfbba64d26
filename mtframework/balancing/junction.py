"""Where the tasks' gradients meet: the boundary between the shared part and the tasks."""

import itertools
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gradient_statistics import GradientStatistics, measure
from mtframework.balancing.gram import gram_matrix
from mtframework.errors import ModelError


@keras.saving.register_keras_serializable(package="mtframework")
class Junction(keras.layers.Layer):
    """Gives every task a copy of the shared representation, and combines their gradients.

    Forward it is the identity. Backward, the gradients that the tasks send are combined by the
    gradient balancer, without one by the plain sum that autodiff would take. There is one backward
    pass in all and no train step of its own.

    It also measures the tasks' gradients, with or without a balancer: the cosines of each pair, the
    norms, and the weights that the balancer gave. These are of the losses as weighted. They appear
    among the model's metrics as `gradient_cosine/a/b` and so on. A step's measurement comes out of
    its backward pass, so the metrics count it in the next step, in `observe`; `gradient_cosines()`
    holds every step.

    How numbers leave a backward pass: they are the "gradient" of a variable with
    `overwrite_with_gradient`, which every Keras optimizer assigns instead of descending along it,
    after clipping, decay and unscaling are set aside. The balancer's state travels the same way.
    Therefore:

    - only Keras optimizers keep them; another training loop must assign gradient to variable;
    - a frozen junction (`trainable = False`) still balances, but measures and remembers nothing;
    - under `gradient_accumulation_steps` each micro-step is balanced, and of their measurements and
      states Keras keeps the elementwise largest: reported is the worst conflict;
    - on TensorFlow, Keras's `use_ema=True` does not work with such variables and fails at the end
      of training.

    Args:
        task_names: The tasks, in the order in which a balancer sees them.
        balancer: A gradient balancer; None for the plain sum.
        name: The layer's name.

    Example:

    >>> junction = Junction(["rating", "watch"])
    >>> copies = junction(keras.ops.ones((4, 3)), training=True)
    >>> copies["watch"].shape == (4, 3)
    True
    """

    def __init__(
        self,
        task_names: Sequence[str],
        balancer: GradientBalancer | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)
        self.task_names = tuple(task_names)
        self.balancer = balancer
        if balancer is not None and not isinstance(balancer, GradientBalancer):
            raise ModelError(
                f"The gradient balancer is {balancer!r}.",
                "An instance of a GradientBalancer, or None.",
                "Give it as ProjectConflicting(), in Gin as @ProjectConflicting().",
            )
        if balancer is not None:
            balancer.check(len(self.task_names))
        self.statistics = GradientStatistics(self.task_names)

    def build(self, input_shape=None):
        if self.built:  # as when it comes from a file, and then its model is built
            return
        num_tasks = len(self.task_names)
        self.measured = self._overwritten("measured", np.zeros((2 * num_tasks + 2, num_tasks)))
        self.statistics.on_reset = self._forget_measurement
        self.loss_scale = self._overwritten("loss_scale", np.ones(()))
        self.balancer_state = None
        if self.balancer is not None:
            self.balancer.build(num_tasks)
            state = self.balancer.initial_state(num_tasks)
            if state is not None:
                self.balancer_state = self._overwritten("balancer_state", state)
        self.built = True

    def call(self, inputs, training=None):
        """Returns `{task name: a copy of the inputs}`.

        Args:
            inputs: `[..., units]`, or a dict (or list) of such tensors, equal in all axes but the
                last: the gradients of all of them are weighed together.
            training: Whether to balance and measure. Otherwise every task is given the inputs
                themselves.
        """
        if not training:
            return dict.fromkeys(self.task_names, inputs)
        parts = keras.tree.flatten(inputs)
        joined = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
        copies = self._copies(joined)
        if len(parts) == 1:
            split = [[copy] for copy in copies]
        else:
            ends = np.cumsum([part.shape[-1] for part in parts])[:-1].tolist()
            split = [ops.split(copy, ends, axis=-1) for copy in copies]
        return {
            name: keras.tree.pack_sequence_as(inputs, list(pieces))
            for name, pieces in zip(self.task_names, split, strict=True)
        }

    def compute_output_spec(self, inputs, training=None):
        return {name: keras.tree.map_structure(_spec, inputs) for name in self.task_names}

    def observe(self, losses, present):
        """Counts the last step's measurement, shows the balancer this step's losses, returns 0.

        The model calls it from `compute_loss`, in training (in `call` no metric can be updated on
        JAX), and adds the zero to its loss: its gradient is by what an optimizer scales the loss
        (mixed precision), so that the next step knows the gradients' true norms.

        Args:
            losses: `{task name: scalar}`, unweighted.
            present: `{task name: bool scalar}`, whether the batch has a label for the task.
        """
        self.statistics.update_state(self.measured)
        if self.balancer is not None:
            self.balancer.observe(
                ops.stack([ops.cast(losses[name], "float32") for name in self.task_names]),
                ops.stack([ops.cast(present[name], "bool") for name in self.task_names]),
            )
        # A sum, because eager TensorFlow refuses a variable itself in a custom gradient.
        return _zero_whose_gradient_is_kept(ops.add(self.loss_scale, 0.0))

    def report(self) -> dict[str, float]:
        """Returns the means of the metrics, with the last step, as floats.

        A mean that no step had gradients for is left out. For use outside of any graph, as at the
        end of an epoch; a reset of the metrics, such as an evaluation begins with, empties it.
        """
        total = ops.convert_to_numpy(self.statistics.total) + ops.convert_to_numpy(self.measured)
        entries = self.statistics.entries(total)
        return {key: float(value / steps) for key, value, steps in entries if steps > 0.0}

    def gradient_cosines(self) -> dict[tuple[str, str], float]:
        """Returns the mean cosine of each pair of tasks since the metrics were last reset.

        Steps in which one of the two has no gradient do not count; a pair that never met is left
        out.
        """
        report = self.report()
        pairs = itertools.combinations(self.task_names, 2)
        keys = {pair: f"gradient_cosine/{pair[0]}/{pair[1]}" for pair in pairs}
        return {pair: report[key] for pair, key in keys.items() if key in report}

    def get_config(self):
        balancer = self.balancer
        return {
            "name": self.name,
            "task_names": list(self.task_names),
            "balancer": balancer and keras.saving.serialize_keras_object(balancer),
        }

    @classmethod
    def from_config(cls, config):
        balancer = config["balancer"]
        if balancer is not None:
            balancer = keras.saving.deserialize_keras_object(balancer)
        return cls(config["task_names"], balancer, config["name"])

    def get_build_config(self):
        return {"input_shape": None} if self.built else None

    def build_from_config(self, config):
        if config:
            self.build(None)

    def _forget_measurement(self):
        self.measured.assign(np.zeros(self.measured.shape, "float32"))

    def _overwritten(self, name, value):
        variable = self.add_weight(
            shape=value.shape,
            initializer=keras.initializers.Constant(value),
            dtype="float32",
            trainable=True,
            autocast=False,
            name=name,
        )
        variable.overwrite_with_gradient = True
        return variable

    def _copies(self, joined):
        """Returns a copy `[..., units]` a task, with the gradient that the balancer makes."""
        num_tasks = len(self.task_names)
        # Everything that the backward pass reads goes in as an argument: a closure over a tensor
        # of the outer graph would not survive compilation on every backend.
        arguments = [joined, ops.convert_to_tensor(self.measured)]
        arguments.append(ops.stop_gradient(ops.convert_to_tensor(self.loss_scale)))
        has_state = self.balancer_state is not None
        if has_state:
            arguments.append(ops.convert_to_tensor(self.balancer_state))
        if self.balancer is not None:
            prepared = self.balancer.prepare(num_tasks, ops.size(joined))
            if prepared is not None:
                arguments.append(prepared)
        # Torch allows a custom gradient one output alone: a view with the tasks on a leading axis.
        # Elsewhere several outputs save copying them together.
        stacks = keras.backend.backend() == "torch"

        @ops.custom_gradient
        def copy(joined, measured, loss_scale, *rest):
            def gradient(*arguments, upstream=None):
                if upstream is not None:
                    upstream = ops.unstack(upstream, num=num_tasks)
                elif isinstance(arguments[0], (tuple, list)):
                    upstream = arguments[0]
                else:
                    upstream = arguments
                return self._combine(upstream, loss_scale, rest, has_state)

            if stacks:
                return ops.broadcast_to(joined, (num_tasks, *joined.shape)), gradient
            return tuple(joined for _ in self.task_names), gradient

        copies = copy(*arguments)
        return ops.unstack(copies, num=num_tasks) if stacks else copies

    def _combine(self, upstream, loss_scale, rest, has_state):
        """The gradients of `copy`'s arguments: combined, measurement, zero, new state, zeros."""
        gradients = [ops.cast(ops.reshape(each, (-1,)), "float32") for each in upstream]
        # The weights are those of unscaled gradients; the combination keeps the scale.
        scale = ops.where(loss_scale > 0.0, loss_scale, ops.ones_like(loss_scale))
        gram = gram_matrix(gradients) / ops.square(scale)
        state = rest[0] if has_state else None
        prepared = rest[-1] if len(rest) > has_state else None
        if self.balancer is None:
            combined, weights = sum(gradients), ops.ones((len(gradients),), dtype="float32")
        else:
            combined, weights, state = self.balancer.update(gradients, gram, state, prepared)
        combined = ops.reshape(ops.cast(combined, upstream[0].dtype), ops.shape(upstream[0]))
        results = [combined, measure(gram, weights), ops.zeros_like(loss_scale)]
        if has_state:
            results.append(state)
        if prepared is not None:
            results.append(ops.zeros_like(prepared))
        return tuple(results)


@ops.custom_gradient
def _zero_whose_gradient_is_kept(variable):
    def gradient(*arguments, upstream=None):
        return arguments[-1] if upstream is None else upstream

    return ops.zeros_like(variable), gradient


def _spec(tensor):
    return keras.KerasTensor(tensor.shape, dtype=tensor.dtype)
