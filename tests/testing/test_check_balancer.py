"""`check_balancer`: built-in balancers pass, and each clause catches one that breaks it."""

import keras
import numpy as np
import pytest
from keras import ops

from mtframework import GradientBalancer, LossBalancer, ScheduledWeights
from mtframework.errors import ContractError, ModelError
from mtframework.registry import GRADIENT_BALANCERS, LOSS_BALANCERS, load_builtin_parts
from mtframework.testing import check_balancer, check_gradient_balancer, check_loss_balancer
from mtframework.testing.clause import Clause
from mtframework.testing.model_clauses import check_compiles

load_builtin_parts()
BUILT_IN = [part.cls for kind in (LOSS_BALANCERS, GRADIENT_BALANCERS) for part in kind]


@pytest.mark.parametrize("cls", BUILT_IN, ids=lambda cls: cls.__name__)
def test_built_in_balancers_pass(cls):
    check_balancer(cls)


def test_a_balancer_that_names_tasks_passes():
    check_balancer(lambda: ScheduledWeights(["buy"], num_steps=5), task_names=["click", "buy"])


class Largest(LossBalancer):
    """Trains the task with the largest loss."""

    def balance(self, losses, present, training):
        largest = ops.equal(losses, ops.max(losses))
        weights = ops.cast(ops.logical_and(largest, present), "float32")
        return ops.sum(weights * losses), weights


class WeighsAsOne(Largest):
    def balance(self, losses, present, training):
        total, weights = super().balance(losses, present, training)
        return total, ops.sum(weights)


class TellsOtherWeights(Largest):
    def balance(self, losses, present, training):
        total, weights = super().balance(losses, present, training)
        return 2.0 * total, weights


class AddsAConstant(Largest):
    def balance(self, losses, present, training):
        total, weights = super().balance(losses, present, training)
        return total + 1.0, weights


class Steps(Largest):
    """Counts its steps."""

    def make_variables(self, num_tasks):
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")


class CountsAbsentSteps(Steps):
    def balance(self, losses, present, training):
        if training:
            self.steps.assign(self.steps + 1.0)
        return super().balance(losses, present, training)


class CountsEvaluations(Steps):
    def balance(self, losses, present, training):
        self.steps.assign(self.steps + ops.cast(ops.any(present), "float32"))
        return super().balance(losses, present, training)


class CountsOutsideOfVariables(Largest):
    count = 0.0

    def balance(self, losses, present, training):
        total, weights = super().balance(losses, present, training)
        self.count += training
        return self.count * total, self.count * weights


class KeepsHalf(Largest):
    def make_variables(self, num_tasks):
        self.half = self.add_weight(shape=(), dtype="float16", trainable=False, name="half")


class DecidesInPython(Largest):
    def balance(self, losses, present, training):
        total, weights = super().balance(losses, present, training)
        return (total, weights) if float(total) < 1e9 else (-total, -weights)


class Halve(GradientBalancer):
    """Takes half of the sum."""

    def weigh(self, gram, state=None, prepared=None):
        return 0.5 * ops.ones_like(ops.diagonal(gram)), state


class ForgetsItsState(Halve):
    def initial_state(self, num_tasks):
        return np.ones(num_tasks, "float32")

    def weigh(self, gram, state=None, prepared=None):
        return super().weigh(gram)[0], ops.sum(state)


class TakesTheMean(Halve):
    def weigh(self, gram, state=None, prepared=None):
        ones = ops.ones_like(ops.diagonal(gram))
        return ones / len(gram), state


class GivesNothing(Halve):
    def weigh(self, gram, state=None, prepared=None):
        return ops.zeros_like(ops.diagonal(gram)), state


class CountsOutsideOfState(Halve):
    count = 0.0

    def initial_state(self, num_tasks):
        return np.ones(num_tasks, "float32")

    def weigh(self, gram, state=None, prepared=None):
        self.count += 1.0
        return super().weigh(gram)[0], self.count * ops.ones_like(state)


class KeepsGradientsInHalf(Halve):
    def make_variables(self, num_tasks):
        self.half = self.add_weight(shape=(), dtype="float16", trainable=False, name="half")


class DecidesOnGradientsInPython(Halve):
    def weigh(self, gram, state=None, prepared=None):
        weights, state = super().weigh(gram, state)
        return (weights if float(gram[0, 0]) < 1e9 else -weights), state


BROKEN = [
    (WeighsAsOne, "shapes", "((), ())"),
    (TellsOtherWeights, "weights", "In step 1 the gradient of the total"),
    (AddsAConstant, "absent tasks", "The total of no task is 1.0."),
    (CountsAbsentSteps, "absent tasks", "steps moves with every task absent"),
    (CountsEvaluations, "evaluation", "steps moves outside of training"),
    (CountsOutsideOfVariables, "saving", "of a loaded model after one more step differs"),
    (KeepsHalf, "half precision", "half is float16"),
    (ForgetsItsState, "shapes", "'state': ()"),
    (TakesTheMean, "absent tasks", "The combined gradient with an absent third task differs"),
    (GivesNothing, "gradients", "The gradient of step 1 is zero"),
    (CountsOutsideOfState, "saving", "of a loaded model after one more step differs"),
    (KeepsGradientsInHalf, "half precision", "half is float16"),
]
if keras.backend.backend() != "torch":  # where Python runs in every step
    BROKEN += [
        (DecidesInPython, "compilation", "Error"),
        (DecidesOnGradientsInPython, "compilation", "Error"),
    ]


@pytest.mark.parametrize(
    ("cls", "clause", "found"), BROKEN, ids=[cls.__name__ for cls, _, _ in BROKEN]
)
def test_each_clause_catches_what_breaks_it(cls, clause, found, register):
    weighs_losses = issubclass(cls, LossBalancer)
    register(LOSS_BALANCERS if weighs_losses else GRADIENT_BALANCERS, cls)
    check = check_loss_balancer if weighs_losses else check_gradient_balancer
    with pytest.raises(ContractError) as caught:
        check(cls, clause=clause)
    assert caught.value.found.startswith(f'{cls.__name__} breaks the clause "{clause}": ')
    assert found in caught.value.found


@pytest.mark.parametrize(
    ("cls", "kind", "decorator"),
    [
        (Largest, LOSS_BALANCERS, '@register_loss_balancer("my_name")'),
        (Halve, GRADIENT_BALANCERS, '@register_gradient_balancer("my_name")'),
    ],
)
def test_a_good_balancer_passes_and_must_be_registered(cls, kind, decorator, register):
    with pytest.raises(ContractError, match='breaks the clause "registration"') as caught:
        check_balancer(cls)
    assert decorator in caught.value.fix
    register(kind, cls)
    check_balancer(cls)


def test_one_task_is_refused():
    with pytest.raises(ModelError, match="was given the task names"):
        check_balancer(Largest, task_names=["alone"])


def test_a_step_that_python_runs_again_breaks_compilation():
    balancer = Largest()
    balancer.build(["a", "b"])
    model = keras.Sequential([keras.layers.Dense(1)])

    def fit():
        balancer.balance(ops.ones((2,)), ops.ones((2,), "bool"), training=True)

    clause = Clause("compilation", "Largest", fix="Fix it.")
    if keras.backend.backend() == "torch":  # where Python runs in every step
        check_compiles(clause, model, fit, balancer, "balance")
    else:
        with pytest.raises(ContractError, match="balance was run by Python again"):
            check_compiles(clause, model, fit, balancer, "balance")
