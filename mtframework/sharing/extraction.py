"""Shared experts and experts of single tasks, kept apart: one level of CGC and PLE."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import ops

from mtframework.arguments import check_count, check_share, check_sizes
from mtframework.sharing.gates import Gates
from mtframework.sharing.parallel_networks import ParallelNetworks


@dataclass(frozen=True)
class ExtractionSizes:
    """What a level is made of; the constructors of `CGC` and `PLE` say what each field means."""

    num_shared_experts: int
    num_task_experts: int
    expert_units: tuple[int, ...]
    gate_units: tuple[int, ...]
    gate_dropout: float

    @classmethod
    def checked(
        cls,
        owner: str,
        num_shared_experts: int,
        num_task_experts: int,
        expert_units: Sequence[int],
        gate_units: Sequence[int],
        gate_dropout: float,
    ) -> "ExtractionSizes":
        """Returns the sizes, once they make sense.

        Raises:
            ModelError: They do not.
        """
        return cls(
            check_count(
                owner,
                "num_shared_experts",
                num_shared_experts,
                "Give the gates shared experts to weigh, or use PrivateTowers to share nothing.",
            ),
            check_count(
                owner,
                "num_task_experts",
                num_task_experts,
                "Give each task its own experts, or use MMoE, where all are shared.",
            ),
            check_sizes(owner, "expert_units", expert_units, needed=True),
            check_sizes(owner, "gate_units", gate_units, needed=False),
            check_share(owner, "gate_dropout", gate_dropout, below_one=True),
        )

    @property
    def output_units(self) -> int:
        return self.expert_units[-1]

    @property
    def expert_names(self) -> list[str]:
        """The experts that a task's gate weighs, in the order of its weights."""
        shared = [f"shared_{number}" for number in range(self.num_shared_experts)]
        return shared + [f"own_{number}" for number in range(self.num_task_experts)]

    def get_config(self):
        return {
            "num_shared_experts": self.num_shared_experts,
            "num_task_experts": self.num_task_experts,
            "expert_units": list(self.expert_units),
            "gate_units": list(self.gate_units),
            "gate_dropout": self.gate_dropout,
        }


class ExtractionLevel(keras.layers.Layer):
    """Mixes, for each task, the shared experts and the task's own.

        mixed[t] = Σₑ gate[t]ₑ(x[t]) · [shared experts(x[shared]), experts[t](x[t])]ₑ

    A level with another above it mixes for the shared experts of that one too, from all experts.

    Args:
        num_tasks: How many tasks.
        sizes: How many experts, and how large.
        is_last: Whether no level is above this one.
        name: The layer's name.
    """

    def __init__(
        self, num_tasks: int, sizes: ExtractionSizes, is_last: bool, name: str | None = None
    ):
        super().__init__(name=name)
        self.num_tasks = num_tasks
        self.sizes = sizes
        num_own = num_tasks * sizes.num_task_experts
        self.shared_experts = ParallelNetworks(
            sizes.num_shared_experts, sizes.expert_units, name="shared_experts"
        )
        self.task_experts = ParallelNetworks(num_own, sizes.expert_units, name="task_experts")
        self.task_gates = self._gates(num_tasks, len(sizes.expert_names), "task_gates")
        self.shared_gate = None
        if not is_last:
            self.shared_gate = self._gates(1, sizes.num_shared_experts + num_own, "shared_gate")

    def build(self, input_shape):
        for part in (self.shared_experts, self.task_experts, self.task_gates, self.shared_gate):
            if part is not None:
                part.build(input_shape)

    def call(self, own, shared, tasks: Sequence[int], training=None):
        """Returns what the tasks and the next level's shared experts read, and the gates.

        Args:
            own: What the tasks read: `[batch, units]` where all read the same, else
                `[batch, tasks, units]`.
            shared: What the shared experts read, `[batch, units]`.
            tasks: Which tasks. The level below the last needs all.
            training: Whether to drop gate weights.

        Returns:
            `[batch, tasks, units]`; `[batch, units]`, or None from the last level; and the tasks'
            gate weights, `[batch, tasks, experts]`.
        """
        shared_experts = self.shared_experts(shared)
        own_experts = self.task_experts(own, networks=self._experts_of(tasks))
        weights = self.task_gates(own, gates=self._selected(tasks), training=training)
        mixed = self._mix(weights, shared_experts, own_experts)
        if self.shared_gate is None:
            return mixed, None, weights
        experts = ops.concatenate([shared_experts, own_experts], axis=1)
        shared_weights = self.shared_gate(shared, training=training)
        return mixed, ops.einsum("be,beu->bu", shared_weights[:, 0], experts), weights

    def _mix(self, weights, shared_experts, own_experts):
        num_shared, num_own = self.sizes.num_shared_experts, self.sizes.num_task_experts
        shape = (-1, weights.shape[1], num_own, self.sizes.output_units)
        own_experts = ops.reshape(own_experts, shape)
        shared = ops.einsum("bts,bsu->btu", weights[..., :num_shared], shared_experts)
        return shared + ops.einsum("btk,btku->btu", weights[..., num_shared:], own_experts)

    def _selected(self, tasks: Sequence[int]) -> Sequence[int] | None:
        return None if len(tasks) == self.num_tasks else tasks

    def _experts_of(self, tasks: Sequence[int]) -> list[int] | None:
        if self._selected(tasks) is None:
            return None
        num_own = self.sizes.num_task_experts
        return [task * num_own + number for task in tasks for number in range(num_own)]

    def _gates(self, num_gates: int, num_experts: int, name: str) -> Gates:
        sizes = self.sizes
        return Gates(num_gates, num_experts, sizes.gate_units, sizes.gate_dropout, name=name)
