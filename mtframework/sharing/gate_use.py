"""How much of each expert the tasks' gates take, over an epoch."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops


class GateUse(keras.layers.Layer):
    """Remembers the gates of a training step, and counts them in a metric afterwards.

    On JAX no metric can be updated while a layer is called. So `record` writes the step's gate
    weights, summed over the rows, into variables, and `observe`, which `Sharing.observe` calls,
    adds these to the metric. All rows of a batch count, those too that have no label for a task.

    Args:
        experts: `{task: the names of the experts that its gates weigh}`.
        num_gates: How many gates weigh these experts for each task. Where the names belong to
            several gates, as in a network of several levels, those of a gate stand together.
        name: The layer's name.

    Example:

    >>> use = GateUse({"watch": ["expert_0", "expert_1"]})
    >>> use.record("watch", np.array([[0.25, 0.75], [0.75, 0.25]], "float32"))
    >>> use.record("watch", np.array([[0.25, 0.75], [0.25, 0.75]], "float32"))
    >>> use.observe()
    >>> {name: float(share) for name, share in use.statistics.result().items()}
    {'gate/watch/expert_0': 0.25, 'gate/watch/expert_1': 0.75}
    """

    def __init__(
        self, experts: Mapping[str, Sequence[str]], num_gates: int = 1, name: str = "gate_use"
    ):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.statistics = GateStatistics(experts, num_gates)
        self.last = {
            task: self.add_weight(
                shape=(len(names),), initializer="zeros", trainable=False, name=f"last_{number}"
            )
            for number, (task, names) in enumerate(experts.items())
        }
        self.built = True

    def record(self, task: str, weights) -> None:
        """Keeps one step's gate weights of one task, `[batch, experts]`, in place of the last's."""
        weights = ops.stop_gradient(ops.cast(weights, "float32"))
        self.last[task].assign(ops.sum(weights, axis=0))

    def observe(self) -> None:
        """Adds the recorded weights to the metric."""
        self.statistics.update_state(self.last)


class GateStatistics(keras.metrics.Metric):
    """Each task's mean gate weight for each expert, over all rows since the last reset.

    Args:
        experts: `{task: the names of its experts}`.
        num_gates: How many gates share the names of a task, equally many each.
        name: The metric's name.
    """

    def __init__(
        self,
        experts: Mapping[str, Sequence[str]],
        num_gates: int = 1,
        name: str = "gate_statistics",
    ):
        super().__init__(name=name, dtype="float32")
        self.experts = {task: tuple(names) for task, names in experts.items()}
        self.num_gates = num_gates
        self.totals = {
            task: self.add_weight(shape=(len(names),), initializer="zeros", name=f"total_{number}")
            for number, (task, names) in enumerate(self.experts.items())
        }

    def update_state(self, sums) -> None:
        """Adds `{task: [experts]}`, gate weights summed over rows."""
        for task, total in self.totals.items():
            total.assign(total + ops.convert_to_tensor(sums[task]))

    def result(self):
        """Returns the means, `gate/{task}/{expert}`; zero where nothing was counted."""
        means = {}
        for task, names in self.experts.items():
            total = ops.convert_to_tensor(self.totals[task])
            # A row's weights sum to one at each gate, so their sum counts the rows.
            rows = ops.sum(total) / self.num_gates
            shares = total / ops.where(rows > 0, rows, 1.0)
            means.update({f"gate/{task}/{name}": shares[i] for i, name in enumerate(names)})
        return means

    def is_empty(self) -> bool:
        """Returns whether nothing was counted since the last reset, as in evaluation."""
        return not any(np.any(ops.convert_to_numpy(total)) for total in self.totals.values())

    def get_config(self):
        experts = {task: list(names) for task, names in self.experts.items()}
        return {"experts": experts, "num_gates": self.num_gates, "name": self.name}
