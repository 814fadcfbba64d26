"""The random order in which PCGrad and GradVac visit the other tasks."""

import keras
from keras import ops


def random_order(num_tasks: int, seed: keras.random.SeedGenerator):
    """Returns uniform numbers `[num_tasks, num_tasks]`; row i sorts the tasks that task i meets."""
    return keras.random.uniform((num_tasks, num_tasks), seed=seed, dtype="float32")


def visits(prepared):
    """Yields, one after the other, whom each task meets: one-hot rows `[num_tasks, num_tasks]`.

    All tasks move at once, since each works on its own copy of its gradient. Where a task would
    meet itself the row is zero.
    """
    num_tasks = prepared.shape[0]
    order = ops.argsort(prepared, axis=1)
    itself = ops.arange(num_tasks, dtype="int32")
    for position in range(num_tasks):
        met = ops.cast(order[:, position], "int32")
        row = ops.one_hot(met, num_tasks, dtype="float32")
        yield row * ops.cast(ops.not_equal(met, itself), "float32")[:, None]
