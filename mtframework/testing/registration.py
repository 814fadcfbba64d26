"""Clauses that every part has: how it is registered, made and made again."""

import json
from collections.abc import Callable
from typing import Any

import keras

from mtframework.errors import ModelError
from mtframework.part import KEPT
from mtframework.registry import Registry, constructor_signature
from mtframework.testing.clause import Clause


def make_checked(make: Callable[[], Any], *kinds: type) -> Any:
    """Returns a fresh part.

    Raises:
        ModelError: `make` cannot be called without arguments, makes something else, or the same
            object twice.
    """
    part = make()
    if not isinstance(part, kinds) or part is make():
        kind = kinds[0]
        raise ModelError(
            f"The check was given {make!r}, which makes {part!r}.",
            f"Something to call without arguments, which makes a new {kind.__name__} each time.",
            f"Give the check a class, or a function such as lambda: My{kind.__name__}(...).",
        )
    return part


def check_registration(part: Any, registry: Registry) -> None:
    """The class is registered, and its constructor names every argument."""
    cls = type(part)
    decorator = f"@register_{registry.kind.replace(' ', '_')}"
    with Clause(
        "registration", cls.__name__, f'Write {decorator}("my_name") above the class.'
    ) as clause:
        clause.require(
            any(registered.cls is cls for registered in registry),
            f"No {registry.kind} of that class is registered.",
            "A registered class, so that experiments and saved models find it.",
        )


def check_configuration(part: Any) -> None:
    """`get_config` holds every argument, and makes an equal part."""
    cls = type(part)
    with Clause(
        "configuration",
        cls.__name__,
        "Return {**super().get_config(), ...} with one entry for each argument of the constructor.",
    ) as clause:
        config = part.get_config()
        arguments = list(constructor_signature(cls).parameters)
        kept = KEPT if isinstance(part, keras.layers.Layer) else ()
        lacking = [name for name in (*arguments, *kept) if name not in config]
        clause.require(
            not lacking,
            f"get_config leaves out {', '.join(lacking)}.",
            f"Every argument: {', '.join(arguments)}.",
        )
        json.dumps(config)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(part))
        changed = [name for name in config if again.get_config().get(name) != config[name]]
        clause.require(
            not changed,
            f"What get_config makes has another {', '.join(changed)}.",
            "A part with an equal get_config.",
            "Return in get_config what the constructor was given, as numbers, strings and lists.",
        )
