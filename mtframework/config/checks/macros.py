"""Macros that are missing, unused, circular, or make more objects than they seem to."""

from collections import Counter
from collections.abc import Iterator

from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.config.syntax import REQUIRED, Binding, Macro, Reference, references
from mtframework.errors import did_you_mean, quoted_list


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds mistakes in `name = value` and `%name`."""
    yield from _missing(configuration)
    yield from _unused(configuration)
    yield from _circular(configuration)
    yield from _making_several(configuration)


def _missing(configuration: Configuration) -> Iterator[Finding]:
    for binding in configuration.source.bindings:
        for macro in _macros(binding):
            if macro.name != REQUIRED and configuration.macro(macro.name) is None:
                known = configuration.macros
                yield Finding(
                    binding.location.at(macro.line),
                    f"There is no macro {macro.name}.{did_you_mean(macro.name, known)}",
                    f"One of {quoted_list(known)}.",
                    f"Correct the name, or bind it: {macro.name} = ...",
                )


def _unused(configuration: Configuration) -> Iterator[Finding]:
    used = {macro.name for binding in configuration.source.bindings for macro in _macros(binding)}
    for binding in configuration.source.bindings:
        name = binding.key
        if binding.is_macro and name not in used:
            yield Finding(
                binding.location,
                f"Nothing uses the macro {name}.{did_you_mean(name, used)}",
                f"%{name} in a value, or scope/Class.argument to the left of the equals sign.",
                "Correct the name, use the macro, or remove the line.",
            )


def _circular(configuration: Configuration) -> Iterator[Finding]:
    for name, binding in configuration.macros.items():
        behind = [macro.name for macro, _ in configuration.macros_in(binding.value)]
        if name in behind:
            yield Finding(
                binding.location,
                f"The macro {name} refers to itself: {' -> '.join([name, *behind])}.",
                "Macros that end in a value.",
                "Give one of them a value.",
            )


def _making_several(configuration: Configuration) -> Iterator[Finding]:
    uses: Counter[str] = Counter()
    for made in configuration.made():
        for binding in configuration.arguments(made.part, made.scope).values():
            uses.update(macro.name for macro in _macros(binding))
    for name, times in uses.items():
        binding = configuration.macro(name)
        if binding is None or times < 2:
            continue
        for each in references(binding.value):
            if isinstance(each, Reference) and each.called:
                yield Finding(
                    binding.location,
                    f"The macro {name} is used {times} times and makes a new {each.selector} each "
                    "time, not one that is shared.",
                    f"One use of %{name}, or a macro that holds a plain value.",
                    f"Write {each} where each object belongs, with a scope of its own.",
                )


def _macros(binding: Binding) -> Iterator[Macro]:
    for each in references(binding.value):
        if isinstance(each, Macro):
            yield each
