"""From a resolved configuration to the objects, by Gin."""

import contextlib
import re
from collections.abc import Iterator

import gin

from mtframework.config.configuration import ROOT, Configuration, Made
from mtframework.config.location import Location
from mtframework.config.parts import make_configurable
from mtframework.config.record import record
from mtframework.errors import ExperimentError, MtframeworkError
from mtframework.training.experiment import Experiment
from mtframework.training.seed import set_seed


def build(configuration: Configuration) -> Experiment:
    """Makes the experiment's objects.

    What is parsed is what a run folder records, so that the record cannot differ from the run.

    Raises:
        LocatedError: A constructor refuses its arguments; the message names the line.
    """
    with _empty_gin():
        make_configurable(made.part for made in configuration.made())
        gin.parse_config(record(configuration))
        gin.finalize()
        set_seed(seed_of(configuration))
        try:
            return gin.get_configurable(ROOT)()
        except Exception as error:  # constructors of plugins may raise anything
            raise located(error, configuration, _failed(error, configuration)) from error


@contextlib.contextmanager
def _empty_gin() -> Iterator[None]:
    """Gives Gin no configuration, and its caller's back afterwards."""
    config = gin.config
    before = {target: dict(arguments) for target, arguments in config._CONFIG.items()}
    was_locked = gin.config_is_locked()
    gin.clear_config()
    try:
        yield
    finally:
        gin.clear_config()
        config._CONFIG.update(before)
        if was_locked:
            config._set_config_is_locked(True)


def seed_of(configuration: Configuration) -> int:
    """Returns the experiment's seed; 0 where it is none, which the experiment itself refuses."""
    part = configuration.parts.find(ROOT)
    assert part is not None  # it is always among the parts
    bound = configuration.arguments(part, "").get("seed")
    value = configuration.resolved(bound.value) if bound else part.parameters["seed"].default
    return value if isinstance(value, int) and 0 <= value < 2**32 else 0


_CALL = re.compile(
    r"\n? *In call to configurable '(?P<name>\w+)'.*?(?: in scope '(?P<scope>.*)')?$", re.M
)


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


def located(error: Exception, configuration: Configuration, made: Made | None) -> LocatedError:
    """Returns a constructor's error with the line of the argument, or the object, it is about."""
    text = _CALL.split(str(error))[0].strip()
    location = line_of(text, configuration, made) if made else configuration.source.location
    if isinstance(error, MtframeworkError):
        return LocatedError(location, error.found, error.expected, error.fix)
    what = f"{made.key}()" if made else "The experiment"
    return LocatedError(
        location,
        f"{what} cannot be made: {type(error).__name__}: {text}",
        "Arguments that its constructor accepts.",
        "Correct the binding; --debug shows the traceback.",
    )


def _failed(error: Exception, configuration: Configuration) -> Made | None:
    """Returns which object failed: Gin appends each to the message, the innermost first."""
    call = _CALL.search(str(error))
    for made in configuration.made() if call else ():
        if call and (made.part.name, made.scope) == (call["name"], call["scope"] or ""):
            return made
    return None


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
