"""Which values of a binding a sweep tries."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mtframework.config.syntax import Binding, parse, value_text
from mtframework.errors import ExperimentError

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(log:)?\s*({_NUMBER})\s*\.\.\s*({_NUMBER})")
_WHOLE = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Variation:
    """One binding and the values that it may have: a range, or choices.

    Args:
        key: `scope/Class.argument`, or a macro's name.
        low: The lower end of a range, included.
        high: The upper end of a range, included.
        is_log: Whether a tenth and a half of the range are tried alike often.
        choices: The values as Gin texts; a range where there are none.
    """

    key: str
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    choices: Sequence[str] = ()

    @property
    def example(self) -> str:
        """A binding that the sweep may try, by which it can be checked."""
        return f"{self.key} = {self.choices[0] if self.choices else repr(self.low)}"

    def suggest(self, trial: Any) -> str:
        """Returns a value as a Gin text, which Optuna's trial chooses."""
        if self.choices:
            return trial.suggest_categorical(self.key, list(self.choices))
        if isinstance(self.low, int):
            return repr(trial.suggest_int(self.key, self.low, self.high, log=self.is_log))
        return repr(trial.suggest_float(self.key, self.low, self.high, log=self.is_log))


def parse_variation(text: str) -> Variation:
    """Returns what `--vary` means.

    Args:
        text: `KEY=LOW..HIGH`, `KEY=log:LOW..HIGH` or `KEY=[VALUE, VALUE, ...]`, the values as Gin
            reads them. Two whole numbers give whole numbers.

    Raises:
        ExperimentError: It is not one of these.

    Example:

    >>> parse_variation("rating/Ranking.loss_weight=log:0.01..1.0")
    Variation(key='rating/Ranking.loss_weight', low=0.01, high=1.0, is_log=True, choices=())
    >>> parse_variation("Tower.embedding_dim = [32, 64]").choices
    ('32', '64')
    """
    key, equals, values = (part.strip() for part in text.partition("="))
    found = _RANGE.fullmatch(values)
    if key and found:
        low, high = found[2], found[3]
        is_whole = bool(_WHOLE.fullmatch(low) and _WHOLE.fullmatch(high))
        variation = Variation(
            key,
            int(low) if is_whole else float(low),
            int(high) if is_whole else float(high),
            bool(found[1]),
        )
        if variation.low >= variation.high or (variation.is_log and variation.low <= 0):
            raise ExperimentError(
                f"--vary {text} has no values.",
                "A lower end below the upper one; with log:, above zero.",
                "Correct the range.",
            )
        return variation
    choices = _choices(values) if equals else []
    if not key or not choices:
        raise ExperimentError(
            f"--vary {text} cannot be read.",
            "KEY=LOW..HIGH, KEY=log:LOW..HIGH or KEY=[VALUE, VALUE], such as "
            "rating/Ranking.loss_weight=log:0.01..1.0.",
            "Correct it, and mind the shell's own quotes.",
        )
    return Variation(key, choices=tuple(map(value_text, choices)))


def _choices(text: str) -> list[Any]:
    try:
        statements = list(parse(f"choices = {text}", "--vary"))
    except SyntaxError:
        return []
    match statements:
        case [Binding(value=list() as values)]:
            return values
    return []
