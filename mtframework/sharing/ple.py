"""Shared experts and experts of single tasks, level upon level."""

from collections.abc import Sequence

from keras import ops

from mtframework.arguments import check_count
from mtframework.part import Policy
from mtframework.registry import register_sharing
from mtframework.sharing.extraction import ExtractionLevel, ExtractionSizes
from mtframework.sharing.gate_use import GateUse
from mtframework.sharing.sharing import Sharing


@register_sharing("ple")
class PLE(Sharing):
    """Progressive layered extraction: separates what is shared from what is not, step by step.

    In each level, a task's gate mixes the shared experts and the task's own; the experts of other
    tasks reach it only through what is shared. With `x⁰` for what the towers give and `E` for the
    outputs of experts:

        xˡ[task]  = gate[task](xˡ⁻¹[task])   · [Eˡ[shared](xˡ⁻¹[shared]), Eˡ[task](xˡ⁻¹[task])]
        xˡ[shared] = gate[shared](xˡ⁻¹[shared]) · [Eˡ[shared], Eˡ of every task]

    and a task gets the last level's `x[task]`, `[batch, expert_units[-1]]`. The last level has no
    shared gate, and one level alone is `CGC`.

    Each task's mean gate weights are reported as `gate/{task}/level_0/shared_0`,
    `gate/{task}/level_0/own_0` and so on.

    Tang et al. 2020, "Progressive layered extraction (PLE): a novel multi-task learning (MTL)
    model for personalized recommendations".

    Args:
        num_levels: How many levels.
        num_shared_experts: How many experts all tasks share, in each level.
        num_task_experts: How many experts each task has of its own, in each level.
        expert_units: The sizes of each expert's dense layers.
        gate_units: The sizes of each gate's hidden layers; none in the paper.
        gate_dropout: The probability that, in training, a row does without an expert.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> sharing = PLE(num_levels=2, num_shared_experts=2, num_task_experts=1, expert_units=[8])
    >>> x = np.ones((4, 3), "float32")
    >>> represented = sharing({"rating": x, "watch": x})
    >>> tuple(represented["watch"].shape)
    (4, 8)
    """

    def __init__(
        self,
        num_levels: int = 2,
        num_shared_experts: int = 4,
        num_task_experts: int = 2,
        expert_units: Sequence[int] = (64,),
        gate_units: Sequence[int] = (),
        gate_dropout: float = 0.0,
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_levels = check_count("PLE", "num_levels", num_levels)
        self.sizes = ExtractionSizes.checked(
            "PLE", num_shared_experts, num_task_experts, expert_units, gate_units, gate_dropout
        )
        self.output_units = self.sizes.output_units
        self.levels: list[ExtractionLevel] = []

    def build(self, input_shape):
        self.task_numbers = {task: number for number, task in enumerate(input_shape)}
        units = next(iter(input_shape.values()))[-1]
        for number in range(self.num_levels):
            level = ExtractionLevel(
                len(input_shape),
                self.sizes,
                is_last=number == self.num_levels - 1,
                name=f"level_{number}",
            )
            level.build((None, units))
            self.levels.append(level)
            units = self.output_units
        names = [
            f"{level.name}/{name}" for level in self.levels for name in self.sizes.expert_names
        ]
        self.gate_use = GateUse(dict.fromkeys(input_shape, names), num_gates=self.num_levels)

    def represent(self, representation, tasks, training=None):
        numbers = [self.task_numbers[task] for task in tasks]
        everyone = list(range(len(self.task_numbers)))
        own = shared = representation
        weights = []
        for level in self.levels[:-1]:
            # Through what is shared, every task has a part in the levels above.
            own, shared, used = level(own, shared, tasks=everyone, training=training)
            weights.append(_of_tasks(used, numbers))
        if len(self.levels) > 1:
            own = _of_tasks(own, numbers)
        mixed, _, used = self.levels[-1](own, shared, tasks=numbers, training=training)
        if training:
            weights = ops.concatenate([*weights, used], axis=-1)
            for i, task in enumerate(tasks):
                self.gate_use.record(task, weights[:, i])
        return {task: mixed[:, i] for i, task in enumerate(tasks)}

    def observe(self):
        self.gate_use.observe()

    def get_config(self):
        return {
            **super().get_config(),
            "num_levels": self.num_levels,
            **self.sizes.get_config(),
        }


def _of_tasks(tensor, numbers: Sequence[int]):
    """`[batch, all tasks, …]` → `[batch, tasks, …]`."""
    if len(numbers) == tensor.shape[1]:
        return tensor
    return ops.stack([tensor[:, number] for number in numbers], axis=1)
