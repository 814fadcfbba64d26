"""What Gin itself makes of an experiment: the second opinion that tests compare with.

Gin gets one text, in which every include is replaced by what it includes, and the same classes. Two
things are mtframework's own: a task or a tower is named as its scope, and `%gin.REQUIRED` is a
mistake of the objects that are made, where Gin looks at the others as well.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gin
import keras
from mutations import INCLUDE

from mtframework.config.configuration import ROOT
from mtframework.config.parts import Configurable

SHIPPED = Path(__file__).parents[2] / "gin"
REQUIRED = re.compile(r"%(gin\.)?REQUIRED\b")


def register(parts: Iterable[Configurable]) -> None:
    """Makes classes known to Gin, in the place of those of the same name."""
    gin.enter_interactive_mode()
    try:
        for part in parts:
            made = _named_by_scope(part) if part.is_named else part.cls
            gin.external_configurable(made, name=part.name, module=part.module)
        gin.external_configurable(left_to_set, module="gin_itself")
    finally:
        gin.exit_interactive_mode()


def left_to_set():
    """Stands for `%gin.REQUIRED`: whoever is made with it is refused."""
    raise ValueError("This is left to whoever includes the file.")


def made_by_gin(text: str) -> Any:
    """Returns the experiment that Gin makes of a text; raises whatever Gin raises."""
    gin.clear_config()
    try:
        gin.parse_config(REQUIRED.sub("@left_to_set()", text))
        gin.finalize()
        return gin.get_configurable(ROOT)()
    finally:
        gin.clear_config()


def flat(path: Path) -> str:
    """Returns a file's text with every include replaced by the text that it includes."""

    def included(match) -> str:
        folders = (path.parent, Path(), SHIPPED)
        found = [folder / match["path"] for folder in folders if (folder / match["path"]).is_file()]
        if not found:
            raise FileNotFoundError(match["path"])
        return flat(found[0])

    return INCLUDE.sub(included, path.read_text("utf-8"))


def described(make: Callable[[], Any]) -> Any:
    """Returns a description of what is made: types and texts that can be compared."""
    keras.utils.clear_session(free_memory=False)  # it numbers layers without a name
    return _description(make())


def _description(value: Any) -> Any:
    match value:
        case list() | tuple():
            return [type(value), *map(_description, value)]
        case dict():
            return [(_description(key), _description(each)) for key, each in value.items()]
    if hasattr(value, "get_config") and not inspect.isclass(value):
        return [type(value), _description(value.get_config())]
    if type(value).__module__.startswith("mtframework."):
        return [type(value), _description(vars(value))]
    return repr(value)


def _named_by_scope(part: Configurable):
    def make(**arguments):
        if scopes := gin.current_scope():
            arguments.setdefault("name", scopes[-1])
        return part.cls(**arguments)

    make.__signature__ = inspect.signature(part.cls)  # Gin refuses what is no argument
    return make
