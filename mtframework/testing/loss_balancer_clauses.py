"""The clauses of a loss balancer's contract, one function each."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.testing.balanced_model import check_balanced_model, check_resumes
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import values_of
from mtframework.testing.model_clauses import check_compiles


@keras.saving.register_keras_serializable(package="mtframework")
class LossesModel(keras.Model):
    """A model whose weights are the losses themselves, so that SGD shows the total's gradient.

    Args:
        balancer: A loss balancer.
        task_names: The tasks.
    """

    def __init__(self, balancer: LossBalancer, task_names: Sequence[str]):
        super().__init__()
        self.balancer = balancer
        self.task_names = tuple(task_names)
        balancer.build(self.task_names)
        shape = (len(self.task_names),)
        self.loss_values = self.add_weight(shape=shape, initializer="ones", name="loss_values")
        self.effective = self.add_weight(shape=shape, trainable=False, name="effective")
        self.built = True

    def call(self, inputs, training=None):
        return inputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        losses = ops.unstack(ops.convert_to_tensor(self.loss_values))
        present = dict.fromkeys(self.task_names, True)
        named = dict(zip(self.task_names, losses, strict=True))
        total, weights = self.balancer.weigh(named, present, training=training)
        self.effective.assign(ops.stack([weights[name] for name in self.task_names]))
        return total

    def step(self, losses: np.ndarray, compiled: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Returns the gradient of the total by the losses, and the weights that were told."""
        if not self.compiled:
            self.compile(keras.optimizers.SGD(1.0), run_eagerly=not compiled)
        self.loss_values.assign(losses)
        self.fit(np.zeros((1, 1)), np.zeros((1, 1)), verbose=0)
        gradient = losses - values_of([self.loss_values])[0]
        return gradient, values_of([self.effective])[0]


def check_shapes(make, names: Sequence[str]) -> None:
    """The total is a float32 scalar, and there is a weight for each task."""
    fix = "Return (total, weights) from balance: a scalar, and [num_tasks]."
    with Clause.of("shapes", make, fix) as clause:
        balancer = _built(make, names)
        losses, present = np.float32(_losses(names, 0)), np.ones(len(names), bool)
        tensors = (ops.convert_to_tensor(losses), ops.convert_to_tensor(present))
        total, weights = balancer.balance(*tensors, training=True)
        shapes = (tuple(ops.shape(total)), tuple(ops.shape(weights)))
        clause.require(
            shapes == ((), (len(names),)),
            f"The total and the weights of {len(names)} tasks have the shapes {shapes}.",
            f"() and ({len(names)},).",
        )
        dtypes = {keras.backend.standardize_dtype(each.dtype) for each in (total, weights)}
        clause.require(dtypes == {"float32"}, f"They are {', '.join(dtypes)}.", "float32.")


def check_weights(make, names: Sequence[str]) -> None:
    """The weights are the derivatives of the total by the losses, in each of several steps."""
    fix = "Return as weights what the total's gradient is; ops.stop_gradient what is not a loss."
    with Clause.of("weights", make, fix) as clause:
        model = LossesModel(make(), names)
        for step in range(4):
            gradient, weights = model.step(_losses(names, step))
            clause.require_finite(f"In step {step + 1} the total's gradient", gradient)
            clause.require_close(
                f"In step {step + 1} the gradient of the total by the losses",
                gradient,
                weights,
                "the weights",
            )


def check_absent_tasks(make, names: Sequence[str]) -> None:
    """An absent task adds nothing; where all are absent, nothing moves."""
    fix = "Mask what belongs to a task with present, the sums over tasks and the assignments too."
    with Clause.of("absent tasks", make, fix) as clause:
        balancer = _built(make, names)
        losses = dict(zip(names, _losses(names, 0).tolist(), strict=True))
        balancer.weigh(losses, dict.fromkeys(names, True), training=True)
        some = {name: name != names[-1] for name in names}
        unknown = {**losses, names[-1]: float("nan")}
        total, weights = balancer.weigh(unknown, some, training=True)
        clause.require_finite("The total with one task absent", total)
        for name, weight in weights.items():
            clause.require_finite(f'With one task absent, the weight of "{name}"', weight)
        before = values_of(balancer.weights)
        total, _ = balancer.weigh(unknown, dict.fromkeys(names, False), training=True)
        total = float(ops.convert_to_numpy(total))
        clause.require(total == 0.0, f"The total of no task is {total}.", "0.")
        _require_unmoved(clause, balancer, before, "with every task absent")


def check_evaluation(make, names: Sequence[str]) -> None:
    """Nothing moves outside of training."""
    fix = "Assign state in balance only where training is true."
    with Clause.of("evaluation", make, fix) as clause:
        balancer = _built(make, names)
        before = values_of(balancer.weights)
        for step in range(2):
            losses = dict(zip(names, _losses(names, step).tolist(), strict=True))
            balancer.weigh(losses, dict.fromkeys(names, True), training=False)
        _require_unmoved(clause, balancer, before, "outside of training")


def check_saving(make, names: Sequence[str]) -> None:
    """A loaded model goes on as the saved one would have."""
    fix = "Keep state in variables, made by add_weight in make_variables."
    with Clause.of("saving", make, fix) as clause:
        check_resumes(clause, names, loss_balancer=make())


def check_precision(make, names: Sequence[str]) -> None:
    """In half precision everything stays finite, and in float32."""
    fix = "Compute with the losses as they come, in float32, and make constants of that dtype."
    with Clause.of("half precision", make, fix) as clause:
        check_balanced_model(clause, names, lambda: {"loss_balancer": make()})


def check_compilation(make, names: Sequence[str]) -> None:
    """A step compiles, once."""
    fix = "Use keras.ops on tensors, and no Python numbers made of them."
    with Clause.of("compilation", make, fix) as clause:
        balancer = make()
        model = LossesModel(balancer, names)
        draws = iter(range(2))
        check_compiles(
            clause,
            model,
            lambda: model.step(_losses(names, next(draws)), compiled=True),
            balancer,
            "balance",
        )


CLAUSES = {
    "shapes": check_shapes,
    "compilation": check_compilation,
    "weights": check_weights,
    "absent tasks": check_absent_tasks,
    "evaluation": check_evaluation,
    "saving": check_saving,
    "half precision": check_precision,
}


def _built(make, names: Sequence[str]) -> LossBalancer:
    balancer = make()
    balancer.build(names)
    return balancer


def _losses(names: Sequence[str], step: int) -> np.ndarray:
    """Returns losses above 0 that fall, each at a pace of its own: `[num_tasks]` float32."""
    paces = np.linspace(0.1, 0.4, len(names))
    return (np.linspace(0.5, 3.0, len(names)) * np.exp(-step * paces)).astype("float32")


def _require_unmoved(clause: Clause, balancer: LossBalancer, before, when: str) -> None:
    for variable, old in zip(balancer.weights, before, strict=True):
        clause.require(
            np.array_equal(values_of([variable])[0], old),
            f"{variable.path} moves {when}.",
            "State that stays as it is.",
        )
