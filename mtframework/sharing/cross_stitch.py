"""A network for each task, which learn how much to take from one another."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_share
from mtframework.part import Policy
from mtframework.registry import register_sharing
from mtframework.sharing.dense_sharing import DenseSharing
from mtframework.sharing.parallel_networks import ParallelNetworks


@register_sharing("cross_stitch")
class CrossStitch(DenseSharing):
    """Mixes, after each layer of the tasks' networks, what the networks have come to.

        h[task]     = relu(mixed[task] · W[task] + b[task])
        mixed[task] = Σₒ stitch[task, o] · h[o]                 over all tasks o

    layer after layer, from what the towers give to `[batch, hidden_units[-1]]`. The stitches of a
    layer are a learned matrix, `[tasks, tasks]`; at first each task keeps `own_share` of its own
    and takes the rest from the others in equal parts.

    Behind a gradient balancer every task runs every task's network, once for each task.

    Misra et al. 2016, "Cross-stitch networks for multi-task learning".

    Args:
        hidden_units: The sizes of the layers of each task's network.
        own_share: What a task first keeps of its own, from 0 to 1. The paper finds that a start
            near 1 and a higher learning rate for the stitches serve best.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> sharing = CrossStitch(hidden_units=[16, 8])
    >>> x = np.ones((4, 3), "float32")
    >>> represented = sharing({"rating": x, "watch": x})
    >>> tuple(represented["watch"].shape)
    (4, 8)
    >>> ops.convert_to_numpy(sharing.stitches[0]).tolist() == np.float32(
    ...     [[0.9, 0.1], [0.1, 0.9]]
    ... ).tolist()
    True
    """

    def __init__(
        self,
        hidden_units: Sequence[int] = (64,),
        own_share: float = 0.9,
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(hidden_units, name, dtype)
        self.own_share = check_share("CrossStitch", "own_share", own_share, below_one=False)
        self.networks: list[ParallelNetworks] = []
        self.stitches: list[keras.Variable] = []

    def build(self, input_shape):
        self.task_numbers = {task: number for number, task in enumerate(input_shape)}
        num_tasks = len(input_shape)
        units = next(iter(input_shape.values()))[-1]
        for number, hidden in enumerate(self.hidden_units):
            networks = ParallelNetworks(num_tasks, [hidden], name=f"networks_{number}")
            networks.build((None, units))
            self.networks.append(networks)
            self.stitches.append(
                self.add_weight(
                    shape=(num_tasks, num_tasks),
                    initializer=keras.initializers.Constant(self._first_stitch(num_tasks)),
                    name=f"stitch_{number}",
                )
            )
            units = hidden

    def represent(self, representation, tasks, training=None):
        mixed = representation
        for networks, stitch in zip(self.networks, self.stitches, strict=True):
            hidden = networks(mixed)
            mixed = ops.einsum("to,bou->btu", ops.cast(stitch, hidden.dtype), hidden)
        return {task: mixed[:, self.task_numbers[task]] for task in tasks}

    def get_config(self):
        return {**super().get_config(), "own_share": self.own_share}

    def _first_stitch(self, num_tasks: int) -> np.ndarray:
        if num_tasks == 1:
            return np.ones((1, 1), "float32")
        stitch = np.full((num_tasks, num_tasks), (1 - self.own_share) / (num_tasks - 1), "float32")
        np.fill_diagonal(stitch, self.own_share)
        return stitch
