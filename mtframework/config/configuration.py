"""What an experiment's statements come to: which binding holds, and what gets made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mtframework.config.includes import Source
from mtframework.config.location import Location
from mtframework.config.parts import Configurable, Parts
from mtframework.config.syntax import Binding, Macro, Reference, references

ROOT = "mtframework.Experiment"


@dataclass(frozen=True)
class Made:
    """One object that building the experiment makes.

    Args:
        part: Its class.
        scope: The scope that its arguments are looked up in.
        location: Where the reference to it stands.
        path: The `target` of each object that it is made for, the experiment first.
    """

    part: Configurable
    scope: str
    location: Location
    path: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The scope and the class as an experiment writes them."""
        return f"{self.scope}/{self.part.name}" if self.scope else self.part.name

    @property
    def target(self) -> str:
        """The scope and the class's whole name: what its arguments follow from."""
        return f"{self.scope}/{self.part.selector}"


class Configuration:
    """The bindings that hold, and where each comes from.

    Args:
        source: The statements.
        parts: The classes that they may name.
    """

    def __init__(self, source: Source, parts: Parts):
        self.source = source
        self.parts = parts
        self.bindings: dict[tuple[str, str, str], Binding] = {}
        self.macros: dict[str, Binding] = {}
        for binding in source.bindings:
            self.bind(binding)

    def bind(self, binding: Binding) -> None:
        """Lets a binding hold, in place of an earlier one of the same argument."""
        if binding.is_macro:
            self.macros[binding.key] = binding
        else:
            self.bindings[self.target(binding)] = binding

    def target(self, binding: Binding) -> tuple[str, str, str]:
        """Returns the scope, the full selector and the argument that a binding is for."""
        part = self.parts.find(binding.selector)
        return binding.scope, part.selector if part else binding.selector, binding.argument

    def arguments(self, part: Configurable, scope: str) -> dict[str, Binding]:
        """Returns the bindings that hold for a class in a scope; the inner scope wins."""
        found = {}
        for outer in scope_and_outer(scope):
            for (bound_scope, selector, argument), binding in self.bindings.items():
                if bound_scope == outer and selector == part.selector:
                    found[argument] = binding
        return found

    def macro(self, name: str) -> Binding | None:
        """Returns the binding of a macro, None where it has none: no outer scope stands in."""
        return self.macros.get(name)

    def macros_in(self, value: Any) -> Iterator[tuple[Macro, Binding | None]]:
        """Yields the macros in a value and, once each, those behind them, with their bindings."""
        seen: set[str] = set()
        values = [value]
        while values:
            for each in references(values.pop()):
                if isinstance(each, Macro) and each.name not in seen:
                    seen.add(each.name)
                    binding = self.macro(each.name)
                    yield each, binding
                    values += [binding.value] if binding else []

    def resolved(self, value: Any) -> Any:
        """Returns a value with its macros replaced; one that cannot be replaced stays."""
        return self._resolved(value, ())

    def origin(self, binding: Binding) -> tuple[Location, str]:
        """Returns where a binding's value itself stands, and how it comes from there."""
        through = ""
        while isinstance(binding.value, Macro):
            behind = self.macro(binding.value.name)
            if behind is None or behind is binding:
                break
            binding, through = behind, f", by the macro {behind.key}"
        return binding.location, through

    def made(self) -> Iterator[Made]:
        """Yields every object that building makes, the experiment first.

        A class that makes itself, by whatever way around, is not followed a second time.
        """
        root = self.parts.find(ROOT)
        assert root is not None  # it is always among the parts
        yield from self._made(root, "", self.source.location, ())

    def _resolved(self, value: Any, open_macros: tuple[str, ...]) -> Any:
        match value:
            case Macro():
                binding = self.macro(value.name)
                if binding is None or value.name in open_macros:
                    return value
                return self._resolved(binding.value, (*open_macros, value.name))
            case list() | tuple():
                return type(value)(self._resolved(each, open_macros) for each in value)
            case dict():
                return {key: self._resolved(each, open_macros) for key, each in value.items()}
        return value

    def _made(
        self, part: Configurable, scope: str, location: Location, path: tuple[str, ...]
    ) -> Iterator[Made]:
        made = Made(part, scope, location, path)
        yield made
        if made.target in path:
            return
        path = (*path, made.target)
        for binding in self.arguments(part, scope).values():
            for reference, inner, where in self._references(
                binding.value, scope, binding.location, ()
            ):
                inner_part = self.parts.find(reference.selector)
                if inner_part is not None and reference.called:
                    yield from self._made(inner_part, inner, where, path)

    def _references(
        self, value: Any, scope: str, location: Location, open_macros: tuple[str, ...]
    ) -> Iterator[tuple[Reference, str, Location]]:
        for each in references(value):
            where = location.at(each.line)
            if isinstance(each, Reference):
                yield each, each.scope_within(scope), where
            elif isinstance(each, Macro) and each.name not in open_macros:
                binding = self.macro(each.name)
                if binding is not None:
                    yield from self._references(
                        binding.value, each.name, binding.location, (*open_macros, each.name)
                    )


def scope_and_outer(scope: str) -> Iterator[str]:
    """Yields no scope, then each outer scope, then the scope itself.

    >>> list(scope_and_outer("a/b"))
    ['', 'a', 'a/b']
    """
    words = scope.split("/") if scope else []
    for end in range(len(words) + 1):
        yield "/".join(words[:end])
