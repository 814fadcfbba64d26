"""Values of the wrong type, and arguments that are not set."""

import inspect
from collections.abc import Iterator

from mtframework.config.configuration import ROOT, Configuration, Made
from mtframework.config.finding import Finding
from mtframework.config.fragment import is_fragment
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
        given = made.part.types.get(argument, parameter.annotation)
        annotation = annotation_of(parameter, given)
        value = configuration.resolved(binding.value)
        is_default = type(value) is type(parameter.default) and value == parameter.default
        if not is_default and not fits(value, annotation, configuration.parts):
            yield Finding(
                binding.location,
                f"{binding.key} is {shown(value)}.{suggestion(value, annotation)}",
                f"{described(annotation)[0].upper()}{described(annotation)[1:]}.",
                "Correct the value.",
            )


def _unset(configuration: Configuration, made: Made) -> Iterator[Finding]:
    if is_fragment(configuration):
        return
    bound = configuration.arguments(made.part, made.scope)
    for argument, parameter in made.part.parameters.items():
        if parameter.default is inspect.Parameter.empty and argument not in bound:
            annotation = annotation_of(
                parameter, made.part.types.get(argument, parameter.annotation)
            )
            example = {"dataset": "@MovieLens100K()"} if made.part.selector == ROOT else {}
            yield Finding(
                made.location,
                f"{made.key}.{argument} is not set.",
                example.get(argument)
                or f"{described(annotation)[0].upper()}{described(annotation)[1:]}.",
                f"Add a line: {made.key}.{argument} = ...",
            )
