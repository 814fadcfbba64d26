"""What a sweep varies, and what it seeks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtframework import config
from mtframework.config import Loaded
from mtframework.errors import ExperimentError, did_you_mean, quoted_list
from mtframework.evaluation.evaluate import TOP_K, metric_directions
from mtframework.sweep.variation import Variation


@dataclass(frozen=True)
class Sweep:
    """An experiment, the bindings to vary and the metrics to rank the trials by.

    Args:
        experiment: The Gin file.
        variations: What to vary.
        objectives: The metrics of the validation rows, `{task}/{metric}`; the metrics say
            whether more or less is better.
        bindings: Bindings that stay the same.
        plugins: Files or modules to load first.
        trust: Whether to execute what the experiment imports.

    Raises:
        ExperimentError: There is nothing to vary or to judge by, or one thing is given twice.
    """

    experiment: Path
    variations: Sequence[Variation]
    objectives: Sequence[str]
    bindings: Sequence[str] = ()
    plugins: Sequence[str] = ()
    trust: bool = False

    def __post_init__(self):
        keys = [variation.key for variation in self.variations]
        fixed = [binding.partition("=")[0].strip() for binding in self.bindings]
        for what, given, example in (
            ("--vary", [*keys, *(key for key in fixed if key in keys)], "Adam.learning_rate"),
            ("--objective", list(self.objectives), "rating/rmse"),
        ):
            twice = sorted({each for each in given if given.count(each) > 1})
            if twice or not given:
                raise ExperimentError(
                    f"{twice[0]} is given twice." if twice else f"There is no {what}.",
                    f"{what} once for each, such as {example}; what varies is not in --set.",
                    f"Add {what}, or leave one of the two out." if twice else f"Add {what}.",
                )

    @property
    def base(self) -> Loaded:
        """The experiment with the bindings that stay the same."""
        return config.load(self.experiment, self.bindings, self.plugins, self.trust)

    def load(self, values: Sequence[str]) -> Loaded:
        """Returns the experiment with a value, a Gin text, for each variation."""
        bindings = [*self.bindings, *self.varied(values)]
        return config.load(self.experiment, bindings, self.plugins, self.trust)

    def direction(self, objective: str) -> bool:
        """Returns whether more of an objective is better, as its metric declares it.

        Raises:
            ExperimentError: The experiment has no such metric.
        """
        found = re.search(r"/top_(\d+)", objective)
        top_k = (*TOP_K, *((int(found[1]),) if found else ()))
        known = metric_directions(self.base.build().model, top_k)
        if objective not in known:
            raise ExperimentError(
                f'The experiment has no metric "{objective}".{did_you_mean(objective, known)}',
                f"One of {quoted_list(known)}.",
                "Correct --objective.",
            )
        return known[objective]

    def varied(self, values: Sequence[str]) -> list[str]:
        """Returns the bindings of a trial."""
        pairs = zip(self.variations, values, strict=True)
        return [f"{variation.key} = {value}" for variation, value in pairs]
