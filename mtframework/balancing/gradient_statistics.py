"""What the junction measures about the tasks' gradients, averaged over an epoch."""

from collections.abc import Callable

import keras
from keras import ops

from mtframework.balancing.gram import cosine_matrix, norms_of, present_tasks


def measure(gram, weights):
    """Returns one step's measurement, `[2 · num_tasks + 2, num_tasks]`, float32.

    Its rows: `1 − cosine` of every pair, which pairs both have a gradient (1 or 0), the norms, and
    the weights. All but the weights are nowhere negative and grow with conflict: under gradient
    accumulation, where Keras keeps the elementwise largest, the worst conflict is what remains.
    """
    present = present_tasks(gram)
    both = present[:, None] * present[None, :]
    rows = ((1.0 - cosine_matrix(gram)) * both, both)
    rows += (norms_of(gram)[None], (present * weights)[None])
    return ops.concatenate(rows, axis=0)


class GradientStatistics(keras.metrics.Metric):
    """Averages measurements over the steps in which the tasks concerned had a gradient.

    Args:
        task_names: In the order of the measurements.
        name: The metric's name.
    """

    def __init__(self, task_names, name: str = "gradient_statistics"):
        super().__init__(name=name, dtype="float32")
        self.task_names = tuple(task_names)
        self.on_reset: Callable[[], None] | None = None
        num_tasks = len(self.task_names)
        self.total = self.add_weight(
            shape=(2 * num_tasks + 2, num_tasks), initializer="zeros", name="total"
        )

    def reset_state(self):
        """Starts afresh, with the junction's last measurement forgotten too."""
        super().reset_state()
        if self.on_reset is not None:
            self.on_reset()

    def update_state(self, measurement):
        """Adds one step's measurement, as `measure` returns it."""
        self.total.assign(self.total + ops.cast(measurement, "float32"))

    def result(self):
        """Returns the means `gradient_cosine/a/b`, `gradient_norm/a` and `gradient_weight/a`.

        One that no step had gradients for is zero; see `is_empty`.
        """
        total = ops.convert_to_tensor(self.total)
        return {key: value / ops.maximum(steps, 1.0) for key, value, steps in self.entries(total)}

    def entries(self, total):
        """Yields `(key, sum, number of steps)` of each mean, of a sum of measurements."""
        names, num_tasks = self.task_names, len(self.task_names)
        steps = total[num_tasks : 2 * num_tasks]
        for i in range(num_tasks):
            for j in range(i + 1, num_tasks):
                cosines = steps[i, j] - total[i, j]
                yield f"gradient_cosine/{names[i]}/{names[j]}", cosines, steps[i, j]
        for row, kind in ((-2, "gradient_norm"), (-1, "gradient_weight")):
            for i in range(num_tasks):
                yield f"{kind}/{names[i]}", total[row, i], steps[i, i]

    def is_empty(self) -> bool:
        """Returns whether nothing was counted since the last reset, as in evaluation."""
        return not ops.convert_to_numpy(self.total).any()

    def get_config(self):
        return {"name": self.name, "task_names": list(self.task_names)}
