"""Bindings that nothing reads, and scopes that no reference has."""

from collections.abc import Iterator
from dataclasses import replace

from mtframework.config.configuration import ROOT, Configuration, scope_and_outer
from mtframework.config.finding import Finding
from mtframework.config.fragment import binds_experiment, is_fragment
from mtframework.config.location import Location
from mtframework.config.syntax import Binding, Reference, references
from mtframework.errors import did_you_mean


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds bindings without effect.

    A binding must take effect in the experiment that its own file is, before another file or the
    command line puts something else over it, or in the whole one. In a fragment, which is none, its
    class must be referred to in its scope somewhere; a fragment that binds nothing of `Experiment`
    leaves that to whoever includes it.
    """
    for includes in dict.fromkeys(each.includes for each in configuration.source.bindings):
        inside = [
            each
            for each in configuration.source.bindings
            if each.includes[: len(includes)] == includes
        ]
        alone = Configuration(replace(configuration.source, bindings=inside), configuration.parts)
        own = [
            each
            for each in inside
            if each.includes == includes and not _is_explained(configuration, each)
        ]
        if not is_fragment(alone, len(includes)):
            # What includes the file may refer to what it sets.
            read = [*_read(alone), *_read(configuration)]
            objects = [(each.scope, each.part.name, each.location) for each in alone.made()]
            yield from (_finding(alone, each, objects) for each in own if each not in read)
        elif len(includes) > 1 or binds_experiment(alone):
            objects = [
                ("/".join(each.scopes), each.selector, where)
                for each, where in _located_references(configuration)
            ]
            yield from (
                _finding(configuration, each, objects)
                for each in own
                if not _is_referred_to(configuration, each)
            )


def _is_explained(configuration: Configuration, binding: Binding) -> bool:
    """Returns whether another check tells the mistake that would make this one a follow-up."""
    if binding.is_macro or configuration.parts.find(binding.selector) is None:
        return True
    later = configuration.bindings[configuration.target(binding)]
    if later is not binding and later.includes == binding.includes:
        return True  # bound twice
    return any(
        configuration.parts.find(each.selector) is None
        and (not each.scopes or binding.scope in scope_and_outer("/".join(each.scopes)))
        for each in _references(configuration)
    )


def _read(configuration: Configuration) -> list[Binding]:
    return [
        binding
        for made in configuration.made()
        for binding in configuration.arguments(made.part, made.scope).values()
    ]


def _is_referred_to(configuration: Configuration, binding: Binding) -> bool:
    part = configuration.parts.find(binding.selector)
    if part is None or part.selector == ROOT:
        return True  # unknown classes are another check's business
    return any(
        configuration.parts.find(each.selector) == part
        # A reference without scopes is made in whatever scope reads it.
        and (not each.scopes or binding.scope in scope_and_outer("/".join(each.scopes)))
        for each in _references(configuration)
    )


def _finding(
    configuration: Configuration, binding: Binding, objects: list[tuple[str, str, Location]]
) -> Finding:
    """Returns what is wrong; `objects` are the scope, class and line of what would read it."""
    part = configuration.parts.find(binding.selector)
    name = part.name if part else binding.selector
    outer = {outer: where for scope, _, where in objects for outer in scope_and_outer(scope)}
    if binding.scope and binding.scope not in outer:
        hint = did_you_mean(binding.scope, outer.keys() - {""})
        # The scope may be misspelt here or there.
        there = [where for scope, where in outer.items() if scope and f'"{scope}"' in hint]
        written = any("/".join(each.scopes) == binding.scope for each in _references(configuration))
        found = (
            f'Nothing reads {binding.key}: no object that is made has the scope "{binding.scope}".'
            if written
            else f'No reference has the scope "{binding.scope}".'
        )
        found += hint + (f" That one is at {there[0]}." if there else "")
        fix = f"Correct the scope, or write @{binding.scope}/{name}() where the object belongs."
    elif binding.scope:
        of_scope = {cls for scope, cls, _ in objects if binding.scope in scope_and_outer(scope)}
        made = ", ".join(sorted(of_scope))
        found = f'Nothing reads {binding.key}: the scope "{binding.scope}" is of {made}.'
        fix = "Correct the scope or the class, or remove the line."
    else:
        found = f"Nothing reads {binding.key}."
        fix = f"Remove the line, or write @{name}() where the object belongs."
    return Finding(binding.location, found, "A binding that has an effect.", fix, is_unread=True)


def _references(configuration: Configuration) -> Iterator[Reference]:
    for each, _ in _located_references(configuration):
        yield each


def _located_references(configuration: Configuration) -> Iterator[tuple[Reference, Location]]:
    for binding in configuration.source.bindings:
        for each in references(binding.value):
            if isinstance(each, Reference):
                yield each, binding.location.at(each.line)
