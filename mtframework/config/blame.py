"""Which line of an experiment an error while training is about."""

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from mtframework.config.configuration import Configuration, Made
from mtframework.config.located import LocatedError, line_of
from mtframework.errors import MtframeworkError
from mtframework.registry import owner_of
from mtframework.training.experiment import Experiment


def blame(error: Exception, configuration: Configuration, experiment: Experiment) -> Exception:
    """Returns the error with the line of the part that raised it.

    Args:
        error: What came out of training.
        configuration: What the experiment was made from.
        experiment: The experiment.

    Returns:
        A `LocatedError`; the error itself where none of the experiment's parts raised it.
    """
    part = _part_in(error.__traceback__, list(_parts(experiment)))
    made = _made(configuration, part)
    if made is None:
        return error
    if isinstance(error, MtframeworkError):
        location = line_of(error.found, configuration, made)
        return LocatedError(location, error.found, error.expected, error.fix)
    # Keras appends what a layer was called with: of a batch, a screenful.
    text = str(error).split("\n\nArguments received by")[0].strip()
    return LocatedError(
        made.location,
        f"{made.key}() of {owner_of(made.part.cls)} failed while training: "
        f"{type(error).__name__}: {text}",
        "A part that can be trained with the columns and arguments it is given.",
        f"Check the arguments of {made.key}; if they are right, fix the class. --debug shows the "
        "traceback.",
    )


def _parts(experiment: Experiment) -> Iterator[Any]:
    model = experiment.model
    yield from (*model.towers.values(), *model.tasks.values())
    yield from (model.sharing, model.loss_balancer, model.gradient_balancer)
    yield from (experiment.dataset, experiment.optimizer)


def _part_in(raised: TracebackType | None, parts: list[Any]) -> Any:
    """Returns the part in whose method, innermost, an error was raised; None where in none."""
    found = None
    for frame, _ in traceback.walk_tb(raised):
        owner = frame.f_locals.get("self")
        if owner is not None and any(owner is part for part in parts):
            found = owner
    return found


def _made(configuration: Configuration, part: Any) -> Made | None:
    for made in configuration.made():
        if made.part.cls is not type(part):
            continue
        name = configuration.arguments(made.part, made.scope).get("name")
        if not made.part.is_named or (name and configuration.resolved(name.value) == part.name):
            return made
    return None
