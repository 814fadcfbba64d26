"""Shared experts and experts of single tasks, in one level."""

from collections.abc import Sequence

from mtframework.part import Policy
from mtframework.registry import register_sharing
from mtframework.sharing.extraction import ExtractionLevel, ExtractionSizes
from mtframework.sharing.gate_use import GateUse
from mtframework.sharing.sharing import Sharing


@register_sharing("cgc")
class CGC(Sharing):
    """Customized gate control: each task mixes the shared experts and experts of its own.

        representation[task] = Σₑ gate[task]ₑ(x) · [shared experts(x), experts[task](x)]ₑ

    `[batch, expert_units[-1]]`, where `gate[task](x) = softmax(x · W[task] + b[task])` and each
    expert is a ReLU network. A task's own experts learn from that task alone.

    Each task's mean gate weights are reported as `gate/{task}/shared_0`, `gate/{task}/own_0` and so
    on.

    Tang et al. 2020, "Progressive layered extraction (PLE): a novel multi-task learning (MTL)
    model for personalized recommendations".

    Args:
        num_shared_experts: How many experts all tasks share.
        num_task_experts: How many experts each task has of its own.
        expert_units: The sizes of each expert's dense layers.
        gate_units: The sizes of each gate's hidden layers; none in the paper.
        gate_dropout: The probability that, in training, a row does without an expert.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> sharing = CGC(num_shared_experts=2, num_task_experts=1, expert_units=[8])
    >>> x = np.ones((4, 3), "float32")
    >>> represented = sharing({"rating": x, "watch": x}, training=True)
    >>> tuple(represented["watch"].shape)
    (4, 8)
    >>> sharing.observe()
    >>> list(sharing.gate_use.statistics.result())[:3]
    ['gate/rating/shared_0', 'gate/rating/shared_1', 'gate/rating/own_0']
    """

    def __init__(
        self,
        num_shared_experts: int = 4,
        num_task_experts: int = 2,
        expert_units: Sequence[int] = (64,),
        gate_units: Sequence[int] = (),
        gate_dropout: float = 0.0,
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.sizes = ExtractionSizes.checked(
            "CGC", num_shared_experts, num_task_experts, expert_units, gate_units, gate_dropout
        )
        self.output_units = self.sizes.output_units

    def build(self, input_shape):
        self.task_numbers = {task: number for number, task in enumerate(input_shape)}
        self.level = ExtractionLevel(len(input_shape), self.sizes, is_last=True, name="level")
        self.level.build(next(iter(input_shape.values())))
        self.gate_use = GateUse(dict.fromkeys(input_shape, self.sizes.expert_names))

    def represent(self, representation, tasks, training=None):
        numbers = [self.task_numbers[task] for task in tasks]
        mixed, _, weights = self.level(
            representation, representation, tasks=numbers, training=training
        )
        if training:
            for i, task in enumerate(tasks):
                self.gate_use.record(task, weights[:, i])
        return {task: mixed[:, i] for i, task in enumerate(tasks)}

    def observe(self):
        self.gate_use.observe()

    def get_config(self):
        return {**super().get_config(), **self.sizes.get_config()}
