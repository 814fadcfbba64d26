"""Bindings that another one undoes without its author's knowing."""

from collections.abc import Iterator
from itertools import pairwise

from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.config.syntax import Binding


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds arguments that are bound twice, other than by a file over what it includes."""
    by_target: dict[tuple[str, str, str], list[Binding]] = {}
    for binding in configuration.source.bindings:
        target = ("", "", binding.key) if binding.is_macro else configuration.target(binding)
        by_target.setdefault(target, []).append(binding)
    for bindings in by_target.values():
        for position, (earlier, later) in enumerate(pairwise(bindings), 1):
            yield from _check_pair(earlier, later, bindings[:position])


def _check_pair(earlier: Binding, later: Binding, before: list[Binding]) -> Iterator[Finding]:
    if later.includes == earlier.includes:
        yield Finding(
            later.location,
            f"{later.key} is bound twice: here and at {earlier.location}.",
            "One binding for each argument in a file; Gin would take the last one.",
            "Remove one of the two.",
        )
    elif later.includes[: len(earlier.includes)] == earlier.includes:
        yield Finding(
            earlier.location,
            f"{earlier.key} has no effect: the include at {later.includes[len(earlier.includes)]} "
            f"comes after it and binds it again, at {later.location}.",
            "Includes first, then the bindings that differ from them.",
            "Move the binding below the include.",
        )
    elif any(each.location == later.location for each in before) and str(earlier) != str(later):
        yield Finding(
            later.includes[-1],
            f"This include reads {later.location.source} a second time, which binds {later.key} "
            f"again and undoes {earlier.location}.",
            "Each file included once.",
            "Take the include out, or put it before the other one.",
        )
