"""Experts that all tasks share, weighed by a gate for each task."""

from collections.abc import Sequence

from keras import ops

from mtframework.arguments import check_count, check_share, check_sizes
from mtframework.part import Policy
from mtframework.registry import register_sharing
from mtframework.sharing.gate_use import GateUse
from mtframework.sharing.gates import Gates
from mtframework.sharing.parallel_networks import ParallelNetworks
from mtframework.sharing.sharing import Sharing


@register_sharing("mmoe")
class MMoE(Sharing):
    """Multi-gate mixture of experts: each task mixes the same experts in its own way.

        representation[task] = Σₑ gate[task]ₑ(x) · expertₑ(x)        [batch, expert_units[-1]]

    where `gate[task](x) = softmax(x · W[task] + b[task])` and each expert is a ReLU network.

    Each task's mean gate weights are reported as `gate/{task}/expert_0` and so on.

    Ma et al. 2018, "Modeling task relationships in multi-task learning with multi-gate
    mixture-of-experts".

    Args:
        num_experts: How many experts.
        expert_units: The sizes of each expert's dense layers.
        gate_units: The sizes of each gate's hidden layers; none in the paper.
        gate_dropout: The probability that, in training, a row does without an expert; helps where
            gates lean on one expert alone.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> sharing = MMoE(num_experts=4, expert_units=[16, 8])
    >>> x = np.ones((4, 3), "float32")
    >>> represented = sharing({"rating": x, "watch": x}, training=True)
    >>> tuple(represented["watch"].shape)
    (4, 8)
    >>> sharing.observe()
    >>> list(sharing.gate_use.statistics.result())[:2]
    ['gate/rating/expert_0', 'gate/rating/expert_1']
    """

    def __init__(
        self,
        num_experts: int = 8,
        expert_units: Sequence[int] = (64,),
        gate_units: Sequence[int] = (),
        gate_dropout: float = 0.0,
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_experts = check_count(
            "MMoE",
            "num_experts",
            num_experts,
            "A gate needs experts to weigh; give it at least one.",
        )
        self.expert_units = check_sizes("MMoE", "expert_units", expert_units, needed=True)
        self.gate_units = check_sizes("MMoE", "gate_units", gate_units, needed=False)
        self.gate_dropout = check_share("MMoE", "gate_dropout", gate_dropout, below_one=True)
        self.output_units = self.expert_units[-1]
        self.experts = ParallelNetworks(
            num_experts, self.expert_units, name="experts", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        shape = next(iter(input_shape.values()))
        self.task_numbers = {task: number for number, task in enumerate(input_shape)}
        self.gates = Gates(
            len(input_shape), self.num_experts, self.gate_units, self.gate_dropout, name="gates"
        )
        self.experts.build(shape)
        self.gates.build(shape)
        names = [f"expert_{number}" for number in range(self.num_experts)]
        self.gate_use = GateUse(dict.fromkeys(input_shape, names))

    def represent(self, representation, tasks, training=None):
        numbers = [self.task_numbers[task] for task in tasks]
        experts = self.experts(representation)
        weights = self.gates(representation, gates=numbers, training=training)
        mixed = ops.einsum("bte,beu->btu", weights, experts)
        if training:
            for i, task in enumerate(tasks):
                self.gate_use.record(task, weights[:, i])
        return {task: mixed[:, i] for i, task in enumerate(tasks)}

    @property
    def weights_of_no_task(self):
        return self.experts.trainable_weights

    def observe(self):
        self.gate_use.observe()

    def get_config(self):
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "expert_units": list(self.expert_units),
            "gate_units": list(self.gate_units),
            "gate_dropout": self.gate_dropout,
        }
