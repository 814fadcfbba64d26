"""Whether a value fits an argument's annotation, as far as a Gin file can tell."""

import collections.abc
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from mtframework.config.parts import Parts
from mtframework.config.syntax import Macro, Reference, value_text
from mtframework.errors import did_you_mean, quoted_list

_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    bool: "True or False",
    type(None): "None",
    dict: "a dictionary",
}
_SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)


def annotation_of(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    """Returns an argument's annotation; without one, the type of its default, else `Any`.

    Keras annotates nothing, but most of its defaults tell: a learning rate is a number, which a
    schedule may stand for.
    """
    if parameter.name in hints:
        return hints[parameter.name]
    default = parameter.default
    if isinstance(default, float):
        return float | LearningRateSchedule
    if isinstance(default, (bool, int, str)):
        return type(default)
    return Any


def fits(value: Any, annotation: Any, parts: Parts) -> bool:
    """Returns whether a value, its macros replaced, fits an annotation; True in doubt."""
    if annotation is Any or isinstance(value, Macro):
        return True
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each, parts) for each in arguments)
    if origin is typing.Literal:
        return any(value == each and type(value) is type(each) for each in arguments)
    if origin is typing.Annotated:
        return fits(value, arguments[0], parts)
    if isinstance(value, Reference):
        return _reference_fits(value, annotation, parts)
    if annotation in _SEQUENCES or origin in _SEQUENCES:
        return isinstance(value, (list, tuple)) and _items_fit(value, arguments, parts)
    if annotation in _MAPPINGS or origin in _MAPPINGS:
        return isinstance(value, dict)
    if annotation is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation is None or annotation is type(None):
        return value is None
    if inspect.isclass(annotation):
        return isinstance(value, annotation)
    return True


def described(annotation: Any, parts: Parts) -> str:
    """Returns an annotation in words.

    >>> described(typing.Literal["mean", "sum"] | None, Parts([]))
    '"mean", "sum" or None'
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(described(each, parts) for each in arguments)
    if origin is typing.Literal:
        return quoted_list(map(str, arguments))
    if origin is typing.Annotated:
        return described(arguments[0], parts)
    if annotation in _SEQUENCES or origin in _SEQUENCES:
        items = [each for each in arguments if each is not ...]
        return f"a list, each {described(items[0], parts)}" if items else "a list"
    if annotation in _MAPPINGS or origin in _MAPPINGS:
        return _NAMES[dict]
    if annotation in _NAMES:
        return _NAMES[annotation]
    if annotation is Any:
        return "an object"
    if annotation is None:
        return "None"
    name = getattr(annotation, "__name__", str(annotation))
    examples = sorted(part.name for part in parts if _is_subclass(part.cls, annotation))
    example = f", such as @{examples[0]}()" if examples else ""
    return f"an object of {name}{example}"


def suggestion(value: Any, annotation: Any) -> str:
    """Returns a hint where a value is nearly right."""
    choices = [
        each
        for part in (annotation, *typing.get_args(annotation))
        if typing.get_origin(part) is typing.Literal
        for each in typing.get_args(part)
    ]
    if isinstance(value, str) and choices:
        return did_you_mean(value, map(str, choices))
    return ""


def shown(value: Any) -> str:
    """Returns a value as the file has it, cut short where it is long."""
    text = value_text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_subclass(cls: type, annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(cls, annotation)


def _items_fit(value: Any, arguments: tuple[Any, ...], parts: Parts) -> bool:
    items = [each for each in arguments if each is not ...]
    return not items or all(fits(each, items[0], parts) for each in value)


def _reference_fits(reference: Reference, annotation: Any, parts: Parts) -> bool:
    part = parts.find(reference.selector)
    if part is None or not reference.called:
        return True  # another check's business
    if annotation is None or annotation in _NAMES or annotation in _SEQUENCES:
        return False
    origin = typing.get_origin(annotation)
    if origin is not None:
        return origin not in _SEQUENCES and origin not in _MAPPINGS
    return not inspect.isclass(annotation) or issubclass(part.cls, annotation)
