"""A constructor's error, with the line of the experiment that it is about."""

import re

from mtframework.config.configuration import Configuration, Made
from mtframework.config.location import Location
from mtframework.errors import ExperimentError, MtframeworkError


class LocatedError(ExperimentError):
    """What a constructor refused, and the line of the experiment that it was given in.

    Args:
        location: The line.
        found: What is wrong, without the line.
        expected: As in every error.
        fix: As in every error.
    """

    def __init__(self, location: Location, found: str, expected: str, fix: str):
        self.location = location
        self.unlocated = found
        super().__init__(f"{location}: {found}", expected, fix)


def located(error: Exception, configuration: Configuration, made: Made) -> LocatedError:
    """Returns a constructor's error with the line of the argument, or the object, it is about."""
    text = str(error).strip()
    location = line_of(text, configuration, made)
    if isinstance(error, MtframeworkError):
        return LocatedError(location, error.found, error.expected, error.fix)
    return LocatedError(
        location,
        f"{made.key}() cannot be made: {type(error).__name__}: {text}",
        "Arguments that its constructor accepts.",
        "Correct the binding; --debug shows the traceback.",
    )


def line_of(text: str, configuration: Configuration, failed: Made) -> Location:
    """Returns the line of the argument that the text speaks of, else of the object.

    A model refuses what a task or a balancer of it says; such a text has the task's name in quotes,
    or the balancer's class.
    """
    first_line = text.split("\n")[0]
    for made in (*configuration.made(), failed):
        bound = configuration.arguments(made.part, made.scope)
        name = configuration.resolved(bound["name"].value) if "name" in bound else None
        is_named = f'"{name}"' in first_line or re.search(rf"\b{made.part.name}\b", first_line)
        if made is not failed and not is_named:
            continue
        for argument, binding in bound.items():
            if argument != "name" and re.search(rf"\b{argument}\b", first_line):
                return binding.location
    return failed.location
