"""Values of the wrong type, and arguments that are not set."""

import inspect
import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

from mtframework.config.checks.keras_numbers import expected_number
from mtframework.config.configuration import Configuration, Made
from mtframework.config.finding import Finding
from mtframework.config.fragment import is_fragment, required
from mtframework.config.parts import Configurable
from mtframework.config.syntax import Binding
from mtframework.config.types import annotation_of, described, fits, shown, suggestion


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds values that the annotation of their argument excludes, and missing arguments.

    A value that another one supersedes is looked at, too: its line is wrong all the same.
    """
    for binding in configuration.source.bindings:
        part = configuration.parts.find(binding.selector)
        if not binding.is_macro and part is not None and binding.argument in part.parameters:
            yield from _of_wrong_type(configuration, binding, part)
    if not is_fragment(configuration):
        yield from _left_unset(configuration)
        unset = (_unset(configuration, made) for made in configuration.made())
        yield from dict.fromkeys(chain.from_iterable(unset))  # one class in a scope, made twice


def _of_wrong_type(
    configuration: Configuration, binding: Binding, part: Configurable
) -> Iterator[Finding]:
    parameter = part.parameters[binding.argument]
    annotation = annotation_of(parameter, part.types)
    value = configuration.resolved(binding.value)
    is_default = type(value) is type(parameter.default) and value == parameter.default
    finite = _is_finite(value)
    if finite and (is_default or fits(value, annotation, configuration.parts)):
        return
    location, through = configuration.origin(binding)
    expected = described(annotation, configuration.parts) if finite else "finite numbers"
    yield Finding(
        location,
        f"{binding.key} is {shown(value)}{through}.{suggestion(value, annotation)}",
        _sentence(expected),
        "Correct the value.",
    )


def _left_unset(configuration: Configuration) -> Iterator[Finding]:
    left = {binding.key: behind for binding, behind in required(configuration)}
    for key, behind in left.items():
        yield Finding(
            behind.includes[1],
            f"{key} is not set: {behind.location} leaves it to the files that include it.",
            "A value.",
            f"Add a line below the include: {key} = ...",
        )


def _unset(configuration: Configuration, made: Made) -> Iterator[Finding]:
    bound = configuration.arguments(made.part, made.scope)
    for argument, parameter in made.part.parameters.items():
        if parameter.default is inspect.Parameter.empty and argument not in bound:
            annotation = annotation_of(parameter, made.part.types)
            is_keras = parameter.annotation is inspect.Parameter.empty
            expected = expected_number(argument) if is_keras else ""
            yield Finding(
                made.location,
                f"{made.key}.{argument} is not set.",
                expected or _sentence(described(annotation, configuration.parts)),
                f"Add a line: {made.key}.{argument} = ...",
            )


def _is_finite(value: Any) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case list() | tuple():
            return all(map(_is_finite, value))
        case dict():
            return all(map(_is_finite, value.values()))
    return True


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
