"""What the junction measures about the tasks' gradients, averaged over an epoch."""

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
        num_tasks = len(self.task_names)
        self.total = self.add_weight(
            shape=(2 * num_tasks + 2, num_tasks), initializer="zeros", name="total"
        )

    def update_state(self, measurement):
        """Adds one step's measurement, as `measure` returns it."""
        self.total.assign(self.total + ops.cast(measurement, "float32"))

    def result(self):
        """Returns the means: `gradient_cosine/a/b`, `gradient_norm/a`, `gradient_weight/a`.

        Scalars by these names. One that no step had a gradient for is zero; see `is_empty`.
        """
        return self.means(ops.convert_to_tensor(self.total))

    def means(self, total):
        """Returns what `result` does, of a sum of measurements."""
        num_tasks = len(self.task_names)
        steps = ops.maximum(total[num_tasks : 2 * num_tasks], 1.0)
        conflict = total[:num_tasks] / steps
        pairs = {
            f"gradient_cosine/{self.task_names[i]}/{self.task_names[j]}": ops.where(
                total[num_tasks + i, j] > 0.0, 1.0 - conflict[i, j], 0.0
            )
            for i in range(num_tasks)
            for j in range(i + 1, num_tasks)
        }
        norms, weights = total[-2], total[-1]
        norms = {
            f"gradient_norm/{name}": norms[i] / steps[i, i]
            for i, name in enumerate(self.task_names)
        }
        weights = {
            f"gradient_weight/{name}": weights[i] / steps[i, i]
            for i, name in enumerate(self.task_names)
        }
        return {**pairs, **norms, **weights}

    def is_empty(self) -> bool:
        """Returns whether nothing was measured since the last reset, as in evaluation."""
        return not ops.convert_to_numpy(self.total).any()

    def get_config(self):
        return {"name": self.name, "task_names": list(self.task_names)}
