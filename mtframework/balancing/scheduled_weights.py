"""Weights that follow a schedule."""

import math
from collections.abc import Sequence
from typing import Literal

import keras
from keras import ops

from mtframework.arguments import check_range
from mtframework.balancing.loss_balancer import (
    LossBalancer,
    check_known_tasks,
    check_loss_weights,
)
from mtframework.balancing.static_weights import StaticWeights
from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.registry import register_loss_balancer

SHAPES = {
    "linear": lambda progress: progress,
    "cosine": lambda progress: 0.5 - 0.5 * ops.cos(math.pi * progress),
    "step": lambda progress: ops.cast(progress >= 1.0, "float32"),
}


@register_loss_balancer("scheduled")
class ScheduledWeights(LossBalancer):
    """Multiplies some tasks' losses by a factor that moves over the first steps.

    The factor goes from `start` to `end` over `num_steps` training steps: in a straight line
    ("linear"; from 0 to 1 it is a warm-up), along half a cosine ("cosine"), or at once at the end
    ("step"). Then `balancer` combines the losses, so this composes with every method, and with
    itself where different tasks follow different schedules. A task whose factor is zero counts as
    absent.

    Cost: none.

    Args:
        tasks: The names of the tasks that follow the schedule.
        schedule: `"linear"`, `"cosine"` or `"step"`.
        start: The factor at the first step.
        end: The factor from step `num_steps` on.
        num_steps: The length of the schedule, in training steps.
        balancer: The loss balancer that follows; the plain sum by default.
        name: The layer's name.

    Example:

    >>> balancer = ScheduledWeights(["watch"], start=0.0, end=1.0, num_steps=2)
    >>> balancer.build(["rating", "watch"])
    >>> losses, present = {"rating": 1.0, "watch": 3.0}, {"rating": True, "watch": True}
    >>> [float(balancer.weigh(losses, present, training=True)[0]) for _ in range(4)]
    [1.0, 2.5, 4.0, 4.0]
    """

    min_tasks = 1

    def __init__(
        self,
        tasks: Sequence[str] = (),
        schedule: Literal["linear", "cosine", "step"] = "linear",
        start: float = 0.0,
        end: float = 1.0,
        num_steps: int = 1000,
        balancer: LossBalancer | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if schedule not in SHAPES:
            raise ModelError(
                f'There is no schedule "{schedule}".{did_you_mean(schedule, SHAPES)}',
                f"One of {quoted_list(SHAPES)}.",
                "Correct the schedule.",
            )
        check_range("ScheduledWeights", "start", start, 0, inclusive=True)
        check_range("ScheduledWeights", "end", end, 0, inclusive=True)
        check_range("ScheduledWeights", "num_steps", num_steps, 0, inclusive=False)
        self.tasks = tuple(tasks)
        self.schedule = schedule
        self.start = start
        self.end = end
        self.num_steps = num_steps
        self.balancer = balancer or StaticWeights()

    def make_variables(self, num_tasks):
        check_known_tasks(self.tasks, self.task_names, "ScheduledWeights")
        for factor in (self.start, self.end):
            check_loss_weights({name: self._factor(name, factor) for name in self.task_names})
        self.balancer.build(self.task_names)
        self.steps = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="steps"
        )

    def balance(self, losses, present, training):
        steps = ops.convert_to_tensor(self.steps)
        progress = ops.cast(steps, "float32") / self.num_steps
        factor = self.start + (self.end - self.start) * SHAPES[self.schedule](
            ops.minimum(progress, 1.0)
        )
        followers = ops.convert_to_tensor([name in self.tasks for name in self.task_names])
        factors = ops.where(followers, factor, ops.ones_like(losses))
        if training:
            # Beyond the schedule's end the count stands still, so that it cannot overflow.
            moving = ops.logical_and(steps < self.num_steps, ops.any(present))
            self.steps.assign(steps + ops.cast(moving, "int32"))
        counted = ops.logical_and(present, factors > 0.0)
        scaled = ops.where(counted, factors * losses, ops.zeros_like(losses))
        total, weights = self.balancer.balance(scaled, counted, training)
        return total, ops.where(counted, factors * weights, ops.zeros_like(weights))

    def _factor(self, name, factor):
        return factor if name in self.tasks else 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "tasks": list(self.tasks),
            "schedule": self.schedule,
            "start": self.start,
            "end": self.end,
            "num_steps": self.num_steps,
            "balancer": keras.saving.serialize_keras_object(self.balancer),
        }

    @classmethod
    def from_config(cls, config):
        balancer = keras.saving.deserialize_keras_object(config["balancer"])
        return super().from_config({**config, "balancer": balancer})
