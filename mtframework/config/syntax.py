"""One Gin text to statements with their lines; nothing is looked up here."""

import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gin import config_parser

from mtframework.config.location import Location

REQUIRED = "gin.REQUIRED"
"""The macro that marks what an including file must set."""


@dataclass(frozen=True)
class Reference:
    """`@scope/Class()`, or `@scope/Class` where `called` is false."""

    scopes: tuple[str, ...]
    selector: str
    called: bool
    line: int = field(default=0, compare=False)

    def scope_within(self, scope: str) -> str:
        """Returns the scope that the object is made in: without its own, that of its reader."""
        return "/".join(self.scopes) or scope

    def __str__(self) -> str:
        return f"@{'/'.join((*self.scopes, self.selector))}{'()' if self.called else ''}"


@dataclass(frozen=True)
class Macro:
    """`%name`."""

    name: str
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"%{self.name}"


@dataclass(frozen=True)
class Binding:
    """`scope/Class.argument = value`, or `name = value` for a macro, whose argument is empty.

    Args:
        scope: The scope, its parts separated by `/`; empty where there is none.
        selector: The class as written; for a macro its name.
        argument: The argument's name.
        value: Literals, lists, tuples and dicts of them, `Reference` and `Macro`.
        location: Where it stands.
        includes: Which include statements lead to its file, outermost first. The first one is the
            command line; a binding of the command line has none.
    """

    scope: str
    selector: str
    argument: str
    value: Any
    location: Location
    includes: tuple[Location, ...] = ()

    @property
    def is_macro(self) -> bool:
        return not self.argument

    @property
    def key(self) -> str:
        """What stands to the left of the equals sign."""
        scoped = f"{self.scope}/{self.selector}" if self.scope else self.selector
        return f"{scoped}.{self.argument}" if self.argument else scoped

    def __str__(self) -> str:
        return f"{self.key} = {value_text(self.value)}"


@dataclass(frozen=True)
class Include:
    """`include 'path'`."""

    path: str
    location: Location


@dataclass(frozen=True)
class Import:
    """`import module`."""

    module: str
    location: Location


Statement = Binding | Include | Import


def parse(text: str, source: str) -> Iterator[Statement]:
    """Yields the statements of one Gin text in order.

    Args:
        text: The text.
        source: What to call it in locations.

    Raises:
        SyntaxError: The text is not valid Gin; `lineno` says where.
    """
    parser = _Parser(io.StringIO(text), _Delegate())
    try:
        # Gin looks one token ahead, so that a mistake may show before the statement it is in.
        for statement in parser:
            location = Location(source, statement.location.line_num)
            match statement:
                case config_parser.BindingStatement():
                    yield Binding(
                        statement.scope,
                        statement.selector,
                        statement.arg_name,
                        statement.value,
                        location,
                    )
                case config_parser.IncludeStatement():
                    yield Include(statement.filename, location)
                case config_parser.ImportStatement():
                    yield Import(statement.module, location)
    except tokenize.TokenError as error:
        message, (line, column) = error.args
        raise SyntaxError(message, (source, line, column, "")) from None
    except (MemoryError, RecursionError, ValueError) as error:  # Python's own limits
        line, column = parser.current_token.start
        message = f"A value is too long or too deep ({type(error).__name__})"
        raise SyntaxError(message, (source, line, column, "")) from None


def references(value: Any) -> Iterator[Reference | Macro]:
    """Yields the references and macros in a value, however deep in lists, tuples and dicts."""
    match value:
        case Reference() | Macro():
            yield value
        case list() | tuple():
            for each in value:
                yield from references(each)
        case dict():
            for pair in value.items():
                yield from references(pair)


def value_text(value: Any) -> str:
    """Returns a value as Gin reads it.

    >>> value_text([Reference(("rating",), "Ranking", True), "a", (1,)])
    "[@rating/Ranking(), 'a', (1,)]"
    """
    match value:
        case Reference() | Macro():
            return str(value)
        case list():
            return f"[{', '.join(map(value_text, value))}]"
        case tuple():
            return f"({''.join(f'{value_text(each)}, ' for each in value).rstrip(' ')})"
        case dict():
            pairs = (f"{value_text(key)}: {value_text(each)}" for key, each in value.items())
            return f"{{{', '.join(pairs)}}}"
    return repr(value)


class _Delegate(config_parser.ParserDelegate):
    def configurable_reference(self, scoped_configurable_name, evaluate):
        *scopes, selector = scoped_configurable_name.split("/")
        return Reference(tuple(scopes), selector, evaluate)

    def macro(self, macro_name):
        # Gin knows its constant by the short name as well, whatever macro has that name.
        return Macro(REQUIRED if macro_name == "REQUIRED" else macro_name)


class _Parser(config_parser.ConfigParser):
    def __init__(self, *arguments):
        self._keys: list[list[str]] = []  # of the dictionaries that are open
        super().__init__(*arguments)

    def _maybe_parse_container(self):
        self._keys.append([])
        try:
            return super()._maybe_parse_container()
        finally:
            self._keys.pop()

    def _parse_dict_item(self):
        key, value = super()._parse_dict_item()
        text = value_text(key)
        if text in self._keys[-1]:
            self._raise_syntax_error(f"The key {text} appears twice in a dictionary")
        try:
            hash(key)
        except TypeError:
            self._raise_syntax_error(
                f"The key {text} cannot be a key: it holds a list or another unhashable value"
            )
        self._keys[-1].append(text)
        return key, value

    # Gin tells the line of a statement alone, and a list of tasks has many lines; these private
    # methods are what gin-config's version is pinned for.
    def _maybe_parse_configurable_reference(self):
        line = self.current_token.start[0]
        is_reference, reference = super()._maybe_parse_configurable_reference()
        return is_reference, replace(reference, line=line) if is_reference else None

    def _maybe_parse_macro(self):
        line = self.current_token.start[0]
        is_macro, macro = super()._maybe_parse_macro()
        return is_macro, replace(macro, line=line) if is_macro else None
