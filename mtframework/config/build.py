"""From a resolved configuration to the objects."""

from typing import Any

from mtframework.config.configuration import ROOT, Configuration, Made
from mtframework.config.located import located
from mtframework.config.location import Location
from mtframework.config.syntax import Macro, Reference
from mtframework.training.experiment import Experiment
from mtframework.training.seed import set_seed


def build(configuration: Configuration) -> Experiment:
    """Makes the experiment's objects, as Gin would.

    Nothing but what `check_configuration` calls an error may stand in the way of that: every class
    is known, every macro is bound, and no object is made for itself.

    Raises:
        LocatedError: A constructor refuses its arguments; the message names the line.
    """
    root = configuration.parts.find(ROOT)
    assert root is not None  # it is always among the parts
    set_seed(seed_of(configuration))
    return _object(configuration, Made(root, "", configuration.source.location))


def seed_of(configuration: Configuration) -> int:
    """Returns the experiment's seed; 0 where it is none, which the experiment itself refuses."""
    part = configuration.parts.find(ROOT)
    assert part is not None  # it is always among the parts
    bound = configuration.arguments(part, "").get("seed")
    value = configuration.resolved(bound.value) if bound else part.parameters["seed"].default
    return value if isinstance(value, int) and 0 <= value < 2**32 else 0


def _object(configuration: Configuration, made: Made) -> Any:
    bound = configuration.arguments(made.part, made.scope)
    # In the constructor's order, which is the record's, whatever the files' is: objects draw random
    # numbers when they are made, and a run's record must draw the same.
    arguments = {
        name: _value(configuration, bound[name].value, made.scope, bound[name].location)
        for name in made.part.parameters
        if name in bound
    }
    try:
        return made.part.cls(**arguments)
    except Exception as error:  # constructors of plugins may raise anything
        raise located(error, configuration, made) from error


def _value(configuration: Configuration, value: Any, scope: str, location: Location) -> Any:
    """Returns a value with its macros replaced and its objects made, each reference's anew."""
    match value:
        case Reference():
            part = configuration.parts.find(value.selector)
            assert part is not None  # an unknown class is an error before anything is made
            made = Made(part, value.scope_within(scope), location.at(value.line))
            return _object(configuration, made)
        case Macro():
            binding = configuration.macro(value.name)
            assert binding is not None  # as is a macro that nothing binds
            # Gin makes what a macro holds in a scope of the macro's name.
            return _value(configuration, binding.value, value.name, binding.location)
        case list() | tuple():
            return type(value)(_value(configuration, each, scope, location) for each in value)
        case dict():
            return {
                _value(configuration, key, scope, location): _value(
                    configuration, each, scope, location
                )
                for key, each in value.items()
            }
    return value
