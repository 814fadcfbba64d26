"""A network for each task, and nothing in common above the towers."""

from mtframework.registry import register_sharing
from mtframework.sharing.dense_sharing import DenseSharing
from mtframework.sharing.parallel_networks import ParallelNetworks


@register_sharing("private_towers")
class PrivateTowers(DenseSharing):
    """Gives each task a dense network of its own: the tasks share the towers and nothing else.

        representation[task] = relu(… relu(x · W₀[task] + b₀[task]) …)

    which is `[batch, hidden_units[-1]]`. What sharing layers are to be measured against.
    The networks are of equal sizes and run as one.

    Args:
        hidden_units: The sizes of each task's dense layers.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> sharing = PrivateTowers(hidden_units=[16, 8])
    >>> x = np.ones((4, 3), "float32")
    >>> represented = sharing({"rating": x, "watch": x})
    >>> tuple(represented["watch"].shape)
    (4, 8)
    """

    def build(self, input_shape):
        self.task_numbers = {task: number for number, task in enumerate(input_shape)}
        self.networks = ParallelNetworks(len(input_shape), self.hidden_units, name="networks")
        self.networks.build(next(iter(input_shape.values())))

    def represent(self, representation, tasks, training=None):
        numbers = [self.task_numbers[task] for task in tasks]
        represented = self.networks(representation, networks=numbers)
        return {task: represented[:, i] for i, task in enumerate(tasks)}
