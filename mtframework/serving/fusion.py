"""How the scores of several tasks become the one that candidates are sorted by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mtframework.arguments import is_finite_number
from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.model.model import MultiTaskModel


@dataclass(frozen=True)
class Fusion:
    """A weighted sum of the tasks' scores:

        score = Σ weight[task] · score[task]

    The score of a task is the number that `predict` gives under its name: a `Ranking`'s predicted
    label, a `BinaryFeedback`'s probability, with a parent that of the whole chain, a `Retrieval`'s
    inner product. They are summed as they are, so that a weight is in units of one by the other:
    5 for a probability beside 1 for a rating makes a certain purchase worth five stars.

    These weights have nothing to do with the loss weights, and may be negative: what is returned or
    reported shall go down, and its task must be learned all the same.

    Args:
        weights: The weight of each task that counts, by name. Tasks that are left out do not count.

    Raises:
        ModelError: There is no weight, one is not finite, or all are 0.

    Example:

    >>> fusion = Fusion({"rating": 1.0, "returned": -5.0})
    >>> fusion.score({"rating": np.array([4.0, 3.5]), "returned": np.array([0.3, 0.1])})
    array([2.5, 3. ])
    """

    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        weights = self.weights
        if (
            not isinstance(weights, Mapping)
            or not weights
            or not all(
                isinstance(task, str) and is_finite_number(weights[task]) for task in weights
            )
            or not any(weights.values())
        ):
            raise ModelError(
                f"Fusion.weights is {weights!r}.",
                "A finite number for each task that counts, negative where a score should be low, "
                "and one other than 0.",
                "Write for example Fusion.weights = {'rating': 1.0, 'returned': -5.0}.",
            )

    def check(self, model: MultiTaskModel) -> None:
        """Raises a `ModelError` where a weight is of a task that the model does not have."""
        for task in self.weights:
            if task not in model.tasks:
                raise ModelError(
                    f'Fusion.weights has a weight of "{task}", and there is no such task.'
                    f"{did_you_mean(task, model.tasks)}",
                    f"Tasks of {quoted_list(model.tasks)}.",
                    "Correct the name.",
                )

    def score(self, scores: Mapping):
        """Returns the fused scores of tasks' scores, all of one shape."""
        return sum(weight * scores[task] for task, weight in self.weights.items())
