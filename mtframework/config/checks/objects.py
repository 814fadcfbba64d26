"""Arguments that a constructor refuses."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from mtframework.config.build import build
from mtframework.config.configuration import Configuration, Made
from mtframework.config.finding import Finding
from mtframework.config.located import LocatedError, located
from mtframework.config.location import Location
from mtframework.config.syntax import Reference, references
from mtframework.training.experiment import Experiment


def check(configuration: Configuration) -> Iterator[Finding]:
    """Makes every object that needs no other one, by itself, so that each tells its mistake."""
    for made in {each.key: each for each in configuration.made()}.values():
        arguments = _plain_arguments(configuration, made)
        if arguments is None:
            continue
        try:
            made.part.cls(**arguments)
        except Exception as error:  # constructors of plugins may raise anything
            finding = as_finding(located(error, configuration, made), error)
            if finding.location == made.location:
                finding = replace(finding, location=_culprit(configuration, made, arguments))
            yield finding


def whole(configuration: Configuration) -> tuple[Experiment | None, list[Finding]]:
    """Makes the experiment, and returns it or what is wrong with it."""
    try:
        return build(configuration), []
    except LocatedError as error:
        return None, [as_finding(error, error.__cause__)]


def as_finding(error: LocatedError, cause: BaseException | None) -> Finding:
    """Returns a located error, and what a part raised, as a finding."""
    return Finding(error.location, error.unlocated, error.expected, error.fix, cause=cause)


def _culprit(configuration: Configuration, made: Made, arguments: Mapping[str, object]) -> Location:
    """Returns the line of the argument without which the object can be made, if there is one."""
    for argument, binding in configuration.arguments(made.part, made.scope).items():
        others = {name: value for name, value in arguments.items() if name != argument}
        try:
            made.part.cls(**others)
        except Exception:  # not this one, or not this one alone
            continue
        return configuration.origin(binding)[0]
    return made.location


def _plain_arguments(configuration: Configuration, made: Made) -> dict[str, object] | None:
    bound = configuration.arguments(made.part, made.scope)
    values = {name: configuration.resolved(each.value) for name, each in bound.items()}
    makes = any(
        isinstance(each, Reference) for value in values.values() for each in references(value)
    )
    return None if makes else values
