"""Whether a new model takes the place of the one that it started from."""

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from mtframework.data.dataset import Dataset
from mtframework.data.rows import num_rows_of
from mtframework.errors import RunError, did_you_mean, quoted_list
from mtframework.evaluation.evaluate import evaluate, metric_directions
from mtframework.model.model import MultiTaskModel

_COMPARE = {
    ">=": lambda difference, bound: difference >= bound,
    ">": lambda difference, bound: difference > bound,
    "<=": lambda difference, bound: difference <= bound,
    "<": lambda difference, bound: difference < bound,
}
_DIGITS = 12  # 0.3 - 0.2 is less than 0.1, and means 0.1


@dataclass(frozen=True)
class Promotion:
    """What a `PromotionRule` decided.

    Args:
        promoted: Whether the new model is to be served.
        rule: The rule.
        difference: The metric of the new model less that of the old one; None where it is
            undefined for one of the two, which is then not promoted.
        old: All metrics of the old model.
        new: All metrics of the new model.
        split: The rows that they are of.
        num_rows: How many rows these are.
    """

    promoted: bool
    rule: str
    difference: float | None
    old: dict[str, float]
    new: dict[str, float]
    split: str
    num_rows: int

    def as_json(self) -> dict[str, Any]:
        """Returns the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class PromotionRule:
    """Promotes a new model by how far one metric is from the old model's, on the same rows.

    The new model is promoted if `new - old` stands in the relation `operator` to `bound`, rounded
    to 12 digits.

    Args:
        metric: A metric that `evaluate` gives, such as `"watch/top_10"`.
        operator: `">="` or `">"` for a metric of which more is better, `"<="` or `"<"` for one of
            which less is.
        bound: The least gain, or below 0 the greatest loss; of a metric of which less is better,
            the other way around.

    Example:

    >>> PromotionRule.parse("watch/top_10 >= -0.001")
    PromotionRule(metric='watch/top_10', operator='>=', bound=-0.001)
    """

    metric: str
    operator: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> "PromotionRule":
        """Returns the rule that a text such as `"rating/rmse <= 0.01"` says.

        Raises:
            RunError: It is not a metric, an operator and a finite number.
        """
        found = re.fullmatch(r"\s*([^\s<>=!]+)\s*([<>=!]+)\s*(\S+)\s*", text)
        operator = found[2] if found else None
        number = _finite(found[3]) if found else None
        if not found or operator not in _COMPARE or number is None:
            what = f"{text!r}"
            if found and operator not in _COMPARE:
                what += f', and "{operator}" is no operator'
            elif found:
                what += f', and "{found[3]}" is no number'
            raise RunError(
                f"The rule of promotion is {what}.",
                "A metric, one of >=, >, <= and <, and a number, which new less old is compared "
                "with.",
                'Write it as in "watch/top_10 >= -0.001".',
            )
        return cls(found[1], operator, number)

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.bound!r}"

    def check(self, old: MultiTaskModel, new: MultiTaskModel) -> None:
        """Says before training what can be wrong with the rule.

        Raises:
            RunError: One of the models has no such metric, or the operator would promote the worse
                model.
        """
        for which, model in (("new", new), ("old", old)):
            directions = metric_directions(model)
            if self.metric not in directions:
                raise RunError(
                    f'The {which} model has no metric "{self.metric}".'
                    f"{did_you_mean(self.metric, directions)}",
                    f"A metric of both models: {quoted_list(directions)}.",
                    "Correct the rule of promotion.",
                )
            higher = directions[self.metric]
            if higher != self.operator.startswith(">"):
                better, operator = ("more", ">=") if higher else ("less", "<=")
                raise RunError(
                    f'The rule of promotion is "{self}", and {better} is better of {self.metric}.',
                    f"The operator {operator} or {operator[0]}.",
                    "Turn the operator around.",
                )

    def decide(
        self, old: MultiTaskModel, new: MultiTaskModel, dataset: Dataset, split: str = "test"
    ) -> Promotion:
        """Evaluates both models on one split, and says whether the new one is promoted.

        A candidate that the old model does not know counts as one that it does not find.

        Args:
            old: The model that is served.
            new: The model that may take its place.
            dataset: The data of the new model.
            split: Which rows.
        """
        before = evaluate(old, dataset, split, unlisted_is_missed=True)
        after = evaluate(new, dataset, split)
        difference = None
        if self.metric in before and self.metric in after:
            difference = round(float(after[self.metric] - before[self.metric]), _DIGITS)
        return Promotion(
            difference is not None and _COMPARE[self.operator](difference, self.bound),
            str(self),
            difference,
            dict(before),
            dict(after),
            split,
            num_rows_of(dataset.split(split)),
        )


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
