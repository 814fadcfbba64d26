"""A whole configuration as one Gin text."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras

import mtframework
from mtframework.config.configuration import Configuration, Made
from mtframework.config.syntax import value_text

_LITERALS = (str, int, float, bool, type(None))


def record(configuration: Configuration) -> str:
    """Returns a Gin text that stands alone and makes the same objects.

    It holds every argument of every object, defaults as well, so that a later version with other
    defaults repeats the run too, and nothing that the experiment does not use.
    """
    lines = [
        f"# {configuration.source.name}, as resolved by mtframework {mtframework.__version__} on "
        f"Keras {keras.__version__}. `mtframework train` repeats it.",
        "",
        *dict.fromkeys(f"import {each.module}" for each in configuration.source.imports),
    ]
    made = _distinct(configuration)
    lines += [str(configuration.macros[name]) for name in _used_macros(configuration, made)]
    for each in made:
        values = _arguments(configuration, each)
        lines += ["", *(f"{value.key} = {value.text}" for value in values)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Value:
    """One argument of one object.

    Args:
        key: `scope/Class.argument`.
        text: The value as Gin reads it.
        origin: The file and line, `--set`, or `default`.
    """

    key: str
    text: str
    origin: str


def values_of(configuration: Configuration) -> list[Value]:
    """Returns every argument of every object, and where its value comes from."""
    return [value for made in _distinct(configuration) for value in _arguments(configuration, made)]


def _distinct(configuration: Configuration) -> list[Made]:
    return list({each.key: each for each in configuration.made()}.values())


def _arguments(configuration: Configuration, made: Made) -> Iterator[Value]:
    bound = configuration.arguments(made.part, made.scope)
    selector = configuration.parts.shortest_selector(made.part)
    scoped = f"{made.scope}/{selector}" if made.scope else selector
    for name, parameter in made.part.parameters.items():
        key = f"{scoped}.{name}"
        if name in bound:
            yield Value(key, value_text(bound[name].value), str(bound[name].location))
        elif is_literal(parameter.default):
            yield Value(key, value_text(parameter.default), "default")


def is_literal(value: object) -> bool:
    """Returns whether Gin can write a default value down."""
    if isinstance(value, (list, tuple)):
        return all(map(is_literal, value))
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return isinstance(value, _LITERALS) and value is not inspect.Parameter.empty


def _used_macros(configuration: Configuration, made: Iterable[Made]) -> list[str]:
    bindings = (
        behind
        for each in made
        for binding in configuration.arguments(each.part, each.scope).values()
        for _, behind in configuration.macros_in(binding.value)
    )
    return sorted({binding.key for binding in bindings if binding})
