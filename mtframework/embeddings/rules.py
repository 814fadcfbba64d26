"""How an optimizer moves the rows of a table that a step touched.

Each rule is what the Keras optimizer of its name does with those rows, in the same order of
operations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from mtframework.errors import ModelError


class Slot(NamedTuple):
    """What an optimizer remembers of a table, row by row.

    Args:
        dim: How many numbers a row has.
        initial: Their value at the beginning.
    """

    dim: int
    initial: float


class Rule(Protocol):
    """A way to move rows."""

    @property
    def name(self) -> str:
        """What it is called, such as `"row-wise Adagrad"`."""
        ...

    def slots(self, dim: int) -> Mapping[str, Slot]:
        """Returns what it remembers of a table whose rows have `dim` numbers."""
        ...

    def move(self, rows, gradients, slots: Mapping[str, Any], learning_rate, step) -> tuple:
        """Returns the rows as they are after a step, `[num, dim]`, and their slots.

        Args:
            rows: The rows, `[num, dim]`, each once or with equal gradients.
            gradients: The sum of the gradients of each, `[num, dim]`.
            slots: What is remembered of each, `{name: [num, ...]}`.
            learning_rate: A scalar.
            step: The number of the step, from 1.
        """
        ...


@dataclass(frozen=True)
class AdagradRows:
    """Adagrad: `a += g²; row -= rate · g / √(a + epsilon)`.

    With `per_row` a row has one `a`, and `g²` is the mean over the row's numbers.
    """

    initial: float
    epsilon: float
    per_row: bool

    @property
    def name(self) -> str:
        return "row-wise Adagrad with one number a row" if self.per_row else "row-wise Adagrad"

    def slots(self, dim):
        return {"accumulator": Slot(1 if self.per_row else dim, self.initial)}

    def move(self, rows, gradients, slots, learning_rate, step):
        squares = ops.square(gradients)
        if self.per_row:
            squares = ops.mean(squares, axis=-1, keepdims=True)
        sums = slots["accumulator"] + squares
        rows = rows - learning_rate * gradients / ops.sqrt(sums + self.epsilon)
        return rows, {"accumulator": sums}


@dataclass(frozen=True)
class GradientDescentRows:
    """Plain gradient descent: `row -= rate · g`."""

    name = "row-wise SGD"

    def slots(self, dim):
        return {}

    def move(self, rows, gradients, slots, learning_rate, step):
        return rows - learning_rate * gradients, {}


@dataclass(frozen=True)
class LazyAdamRows:
    """Adam for the rows of a step: `m += (1 - beta_1)(g - m); v += (1 - beta_2)(g² - v)`,
    `row -= rate · √(1 - beta_2ᵗ) / (1 - beta_1ᵗ) · m / (√v + epsilon)`.

    Other rows, their m and their v stay as they are, where Keras's Adam moves every row in every
    step.
    """

    beta_1: float
    beta_2: float
    epsilon: float
    name = "lazy Adam"

    def slots(self, dim):
        return {"momentum": Slot(dim, 0.0), "velocity": Slot(dim, 0.0)}

    def move(self, rows, gradients, slots, learning_rate, step):
        step = ops.cast(step, rows.dtype)
        first = 1 - ops.power(ops.cast(self.beta_1, rows.dtype), step)
        second = 1 - ops.power(ops.cast(self.beta_2, rows.dtype), step)
        rate = learning_rate * ops.sqrt(second) / first
        momentum = slots["momentum"]
        momentum = momentum + (gradients - momentum) * (1 - self.beta_1)
        velocity = slots["velocity"]
        velocity = velocity + (ops.square(gradients) - velocity) * (1 - self.beta_2)
        rows = rows - rate * momentum / (ops.sqrt(velocity) + self.epsilon)
        return rows, {"momentum": momentum, "velocity": velocity}


def rule_of(optimizer: keras.optimizers.Optimizer, per_row: bool = False) -> Rule:
    """Returns how a Keras optimizer moves rows.

    Raises:
        ModelError: There is no row-wise form of it, or of how it is set.
    """
    kind = type(optimizer)
    if optimizer.use_ema:
        raise ModelError(
            f"{kind.__name__} has use_ema = True, and tables are to be updated row by row.",
            "No moving average: it changes every row in every step.",
            "Leave use_ema out, or set EmbeddingOptimizer.dense_up_to = None.",
        )
    if optimizer.gradient_accumulation_steps:
        raise ModelError(
            f"{kind.__name__} has gradient_accumulation_steps, and tables are to be updated row by "
            "row.",
            "An update in every step.",
            "Take larger batches, or set EmbeddingOptimizer.dense_up_to = None.",
        )
    is_adagrad = isinstance(optimizer, keras.optimizers.Adagrad)
    if per_row and not is_adagrad:
        raise ModelError(
            f"EmbeddingOptimizer has per_row = True, and the optimizer is {kind.__name__}.",
            "Adagrad, whose one number a row it is.",
            "Leave per_row out, or set EmbeddingOptimizer.optimizer = @Adagrad().",
        )
    if kind.__module__.split(".")[0] == "keras":  # a subclass may do anything else
        if is_adagrad:
            initial, epsilon = optimizer.initial_accumulator_value, optimizer.epsilon
            return AdagradRows(initial, epsilon, per_row)
        if isinstance(optimizer, keras.optimizers.SGD) and not optimizer.momentum:
            return GradientDescentRows()
        if isinstance(optimizer, keras.optimizers.Adam) and not optimizer.amsgrad:
            return LazyAdamRows(optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)
    settings = "".join(
        f" with {name}" for name in ("momentum", "amsgrad") if getattr(optimizer, name, 0)
    )
    raise ModelError(
        f"Tables are to be updated row by row by {kind.__name__}{settings}, which has no such "
        "form.",
        "Adagrad, SGD without momentum, Adam or AdamW without amsgrad.",
        "Name one in EmbeddingOptimizer.optimizer, or set EmbeddingOptimizer.dense_up_to = None.",
    )
