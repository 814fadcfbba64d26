"""The clauses of a gradient balancer's contract, one function each."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gram import gram_matrix
from mtframework.balancing.junction import Junction
from mtframework.testing.balanced_model import check_balanced_model, check_resumes
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import values_of
from mtframework.testing.model_clauses import check_compiles

NUM_ROWS, UNITS = 4, 3


@keras.saving.register_keras_serializable(package="mtframework")
class GradientsModel(keras.Model):
    """A model whose tasks have known gradients, so that SGD shows what the balancer makes of them.

    Args:
        balancer: A gradient balancer.
        task_names: The tasks.
    """

    def __init__(self, balancer: GradientBalancer, task_names: Sequence[str]):
        super().__init__()
        self.junction = Junction(task_names, balancer, name="junction")
        self.junction.build()
        self.task_names = tuple(task_names)
        self.shared = self.add_weight(shape=(NUM_ROWS, UNITS), initializer="zeros", name="shared")
        shape = (len(self.task_names), NUM_ROWS, UNITS)
        self.gradients = self.add_weight(shape=shape, trainable=False, name="gradients")
        self.built = True

    def call(self, inputs, training=None):
        return inputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        copies = self.junction(ops.add(self.shared, 0.0), training=training)
        gradients = ops.unstack(ops.convert_to_tensor(self.gradients))
        losses = {
            name: ops.sum(gradient * copies[name])
            for name, gradient in zip(self.task_names, gradients, strict=True)
        }
        observed = {name: loss + 1.0 for name, loss in losses.items()}
        zero = self.junction.observe(observed, dict.fromkeys(self.task_names, True))
        return ops.add(sum(losses.values()), zero)

    def step(self, gradients: np.ndarray, compiled: bool = False) -> np.ndarray:
        """Returns what the tasks' gradients, `[num_tasks, size]`, are combined into."""
        if not self.compiled:
            self.compile(keras.optimizers.SGD(1.0), run_eagerly=not compiled)
        self.shared.assign(np.zeros((NUM_ROWS, UNITS)))
        self.gradients.assign(gradients.reshape(-1, NUM_ROWS, UNITS))
        self.fit(np.zeros((1, 1)), np.zeros((1, 1)), verbose=0)
        return -values_of([self.shared])[0].ravel()


def check_shapes(make, names: Sequence[str]) -> None:
    """Combined is one gradient; the state keeps its shape."""
    fix = "Return weights of [num_tasks], and the state in the shape of initial_state."
    with Clause.of("shapes", make, fix) as clause:
        balancer, num_tasks = make(), len(names)
        balancer.build(num_tasks)
        gradients = ops.unstack(ops.convert_to_tensor(_gradients(num_tasks, 0)), num=num_tasks)
        state = balancer.initial_state(num_tasks)
        held = None if state is None else ops.convert_to_tensor(state)
        prepared = balancer.prepare(num_tasks, NUM_ROWS * UNITS)
        combined, weights, new = balancer.update(gradients, gram_matrix(gradients), held, prepared)
        expected = {"gradient": (NUM_ROWS * UNITS,), "weights": (num_tasks,)}
        found = {"gradient": tuple(combined.shape), "weights": tuple(weights.shape)}
        if state is not None:
            expected["state"], found["state"] = np.shape(state), tuple(np.shape(new))
        clause.require(found == expected, f"The shapes are {found}.", f"{expected}.")
        clause.require_finite("The combined gradient", combined)


def check_absent_tasks(make, names: Sequence[str]) -> None:
    """A task without a gradient is as good as not there; without any, nothing is."""
    fix = "Leave out tasks whose gradient is zero: their row of the Gram matrix is zero."
    with Clause.of("absent tasks", make, fix) as clause:
        # Gradients that agree in every sign: what draws by chance has nothing to choose then.
        gradients = np.abs(_gradients(2, 0))
        without = make().combine(gradients)
        zero = np.zeros((1, gradients.shape[1]), "float32")
        clause.require_close(
            "The combined gradient with an absent third task",
            make().combine(np.concatenate([gradients, zero])),
            without,
            "that of two tasks",
        )
        nothing = make().combine(np.repeat(zero, 2, axis=0))
        clause.require_close("The combined gradient of absent tasks", nothing, zero[0], "zero")


def check_backward(make, names: Sequence[str]) -> None:
    """It runs in the backward pass, step after step."""
    fix = "Use keras.ops on tensors; what only the forward pass can do belongs into prepare."
    with Clause.of("gradients", make, fix) as clause:
        model = GradientsModel(make(), names)
        for step in range(3):
            combined = model.step(_gradients(len(names), step))
            clause.require_finite(f"The gradient of step {step + 1}", combined)
            clause.require(
                np.abs(combined).max() > 0,
                f"The gradient of step {step + 1} is zero.",
                "A gradient, where the tasks have some.",
            )


def check_saving(make, names: Sequence[str]) -> None:
    """A loaded model goes on as the saved one would have."""
    fix = "Keep what lasts in initial_state, or in variables made in make_variables."
    with Clause.of("saving", make, fix) as clause:
        check_resumes(clause, names, gradient_balancer=make())


def check_precision(make, names: Sequence[str]) -> None:
    """In half precision everything stays finite, and in float32."""
    fix = "Compute in float32, in which the gradients come."
    with Clause.of("half precision", make, fix) as clause:
        check_balanced_model(clause, names, lambda: {"gradient_balancer": make()})


def check_compilation(make, names: Sequence[str]) -> None:
    """A step compiles, once."""
    fix = "Use keras.ops on tensors, and no Python numbers made of them."
    with Clause.of("compilation", make, fix) as clause:
        balancer = make()
        model = GradientsModel(balancer, names)
        draws = iter(range(2))
        check_compiles(
            clause,
            model,
            lambda: model.step(_gradients(len(names), next(draws)), compiled=True),
            balancer,
            "update",
        )


CLAUSES = {
    "shapes": check_shapes,
    "absent tasks": check_absent_tasks,
    "compilation": check_compilation,
    "gradients": check_backward,
    "saving": check_saving,
    "half precision": check_precision,
}


def _gradients(num_tasks: int, step: int) -> np.ndarray:
    """Returns gradients that conflict a little: `[num_tasks, size]` float32."""
    draw = np.random.default_rng(step)
    common = draw.normal(size=(1, NUM_ROWS * UNITS))
    return (common + draw.normal(size=(num_tasks, NUM_ROWS * UNITS))).astype("float32")
