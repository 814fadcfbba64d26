"""Numbers of Keras optimizers and schedules that Keras itself does not look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.config.syntax import Macro
from mtframework.config.types import annotation_of, shown


@dataclass(frozen=True)
class Range:
    """Numbers above `low`, or between `low` and `high`.

    Args:
        low: The smallest number, or what is just too small.
        includes_low: Which of the two `low` is.
        below: What is just too large; None for no end.
    """

    low: float
    includes_low: bool
    below: float | None = None

    def __contains__(self, number: float) -> bool:
        above = number >= self.low if self.includes_low else number > self.low
        return above and (self.below is None or number < self.below)

    def __str__(self) -> str:
        start = f"{'from' if self.includes_low else 'above'} {self.low:g}"
        return start if self.below is None else f"{start} and below {self.below:g}"


def expected_number(argument: str) -> str:
    """Returns a sentence for an argument of Keras's that is a number, else an empty text."""
    if argument not in _RANGES:
        return ""
    steps = "; an epoch has as many steps as batches" if argument.endswith("steps") else ""
    return f"A number {_RANGES[argument]}{steps}."


_ABOVE_ZERO = Range(0, includes_low=False)
_FROM_ZERO = Range(0, includes_low=True)
_FROM_ONE = Range(1, includes_low=True)
_DECAY = Range(0, includes_low=True, below=1)

_RANGES = {
    "learning_rate": _ABOVE_ZERO,
    "initial_learning_rate": _FROM_ZERO,
    "end_learning_rate": _FROM_ZERO,
    "warmup_target": _ABOVE_ZERO,
    "warmup_steps": _FROM_ZERO,
    "decay_steps": _ABOVE_ZERO,
    "first_decay_steps": _ABOVE_ZERO,
    "decay_rate": _ABOVE_ZERO,
    "alpha": _FROM_ZERO,
    "power": _ABOVE_ZERO,
    "t_mul": _ABOVE_ZERO,
    "m_mul": _ABOVE_ZERO,
    "beta_1": _DECAY,
    "beta_2": _DECAY,
    "adam_beta_1": _DECAY,
    "adam_beta_2": _DECAY,
    "rho": _DECAY,
    "momentum": _DECAY,
    "ema_momentum": _DECAY,
    "epsilon": _ABOVE_ZERO,
    "epsilon_1": _ABOVE_ZERO,
    "epsilon_2": _ABOVE_ZERO,
    "initial_accumulator_value": _FROM_ZERO,
    "weight_decay": _FROM_ZERO,
    "adam_weight_decay": _FROM_ZERO,
    "adam_lr_ratio": _ABOVE_ZERO,
    "l1_regularization_strength": _FROM_ZERO,
    "l2_regularization_strength": _FROM_ZERO,
    "l2_shrinkage_regularization_strength": _FROM_ZERO,
    "beta": _FROM_ZERO,
    "clip_threshold": _ABOVE_ZERO,
    "clipnorm": _ABOVE_ZERO,
    "clipvalue": _ABOVE_ZERO,
    "global_clipnorm": _ABOVE_ZERO,
    "loss_scale_factor": _ABOVE_ZERO,
    "initial_scale": _ABOVE_ZERO,
    "dynamic_growth_steps": _FROM_ONE,
    "ema_overwrite_frequency": _FROM_ONE,
    "gradient_accumulation_steps": _FROM_ONE,
    "ns_steps": _FROM_ONE,
    "rms_rate": _ABOVE_ZERO,
}


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds numbers that an optimizer would take in silence: a learning rate of -1, for example."""
    for made in {each.key: each for each in configuration.made()}.values():
        if not made.part.module.startswith("keras."):
            continue
        for argument, binding in configuration.arguments(made.part, made.scope).items():
            if argument not in _RANGES or argument not in made.part.parameters:
                continue
            parameter, wanted = made.part.parameters[argument], _RANGES[argument]
            value = configuration.resolved(binding.value)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                is_right = value in wanted
            else:  # where Keras gives a default, that tells the type, which another check is about
                is_right = value == parameter.default or isinstance(value, Macro)
                is_right |= annotation_of(parameter, made.part.types) is not Any
            if not is_right:
                location, through = configuration.origin(binding)
                yield Finding(
                    location,
                    f"{binding.key} is {shown(value)}{through}.",
                    f"A number {wanted}.",
                    "Correct the value, or leave it out for the default.",
                )
