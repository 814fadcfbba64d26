"""Values of the wrong type, and arguments that are not set."""

import inspect
from collections.abc import Iterator

from mtframework.config.configuration import Configuration, Made
from mtframework.config.finding import Finding
from mtframework.config.fragment import is_fragment
from mtframework.config.location import Location
from mtframework.config.syntax import Binding, Macro
from mtframework.config.types import annotation_of, described, fits, shown, suggestion


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds values that the annotation of their argument excludes, and missing arguments."""
    seen = set()
    for made in configuration.made():
        for finding in (*_of_wrong_type(configuration, made), *_unset(configuration, made)):
            if finding not in seen:  # two scopes may read one binding
                seen.add(finding)
                yield finding


def _of_wrong_type(configuration: Configuration, made: Made) -> Iterator[Finding]:
    for argument, binding in configuration.arguments(made.part, made.scope).items():
        parameter = made.part.parameters.get(argument)
        if parameter is None:
            continue
        annotation = annotation_of(parameter, made.part.types)
        value = configuration.resolved(binding.value)
        is_default = type(value) is type(parameter.default) and value == parameter.default
        if not is_default and not fits(value, annotation, configuration.parts):
            location, through = _origin(configuration, binding)
            yield Finding(
                location,
                f"{binding.key} is {shown(value)}{through}.{suggestion(value, annotation)}",
                _sentence(described(annotation, configuration.parts)),
                "Correct the value.",
            )


def _unset(configuration: Configuration, made: Made) -> Iterator[Finding]:
    if is_fragment(configuration):
        return
    bound = configuration.arguments(made.part, made.scope)
    for argument, parameter in made.part.parameters.items():
        if parameter.default is inspect.Parameter.empty and argument not in bound:
            annotation = annotation_of(parameter, made.part.types)
            yield Finding(
                made.location,
                f"{made.key}.{argument} is not set.",
                _sentence(described(annotation, configuration.parts)),
                f"Add a line: {made.key}.{argument} = ...",
            )


def _origin(configuration: Configuration, binding: Binding) -> tuple[Location, str]:
    """Returns where a binding's value itself stands, and how it comes from there."""
    through = ""
    while isinstance(binding.value, Macro):
        behind = configuration.macro(binding.value.name)
        if behind is None or behind is binding:
            break
        binding, through = behind, f", by the macro {behind.key}"
    return binding.location, through


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
