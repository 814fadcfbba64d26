"""Unknown classes and arguments, and classes where objects belong."""

from collections.abc import Iterator

from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.config.location import Location
from mtframework.config.parts import Configurable
from mtframework.config.syntax import Binding, Reference, references
from mtframework.errors import did_you_mean, quoted_list


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds what no class and no argument answers to, in every binding, superseded ones too."""
    for binding in configuration.source.bindings:
        if not binding.is_macro:
            yield from _check_target(configuration, binding)
        for each in references(binding.value):
            if isinstance(each, Reference):
                location = binding.location.at(each.line)
                yield from _check_reference(configuration, each, location)


def _check_target(configuration: Configuration, binding: Binding) -> Iterator[Finding]:
    yield from _check_class(configuration, binding.selector, binding.location)
    part = configuration.parts.find(binding.selector)
    if part is None or binding.argument in part.parameters:
        return
    of_keras = part.module.startswith("keras.")
    yield Finding(
        binding.location,
        f"{part.name} has no argument {binding.argument}."
        f"{did_you_mean(binding.argument, part.parameters)}"
        + " Its **kwargs would have passed it on silently."
        * (of_keras and _is_open(part)),
        f"One of {quoted_list(part.parameters)}.",
        "Correct the name.",
    )


def _check_reference(
    configuration: Configuration, reference: Reference, location: Location
) -> Iterator[Finding]:
    yield from _check_class(configuration, reference.selector, location)
    part = configuration.parts.find(reference.selector)
    if part is not None and not reference.called:
        yield Finding(
            location,
            f"{reference} is the class {part.name}, not an object of it.",
            f"An object: {reference}().",
            "Add the parentheses.",
        )


def _check_class(
    configuration: Configuration, selector: str, location: Location
) -> Iterator[Finding]:
    matches = configuration.parts.matches(selector)
    names = {part.name for part in configuration.parts}
    if not matches:
        last = selector.split(".")[-1]
        # A method's short name is that of its class's file, such as PCGrad, or has its capitals.
        files = {part.module.split(".")[-1]: part.name for part in configuration.parts}
        short = {"".join(filter(str.isupper, name)).lower(): name for name in names}
        short |= {file.replace("_", ""): name for file, name in files.items()}
        method = short.get(last.lower()) if len(last) > 1 else None
        hint = f' Did you mean "{method}"?' if method else did_you_mean(last, names)
        yield Finding(
            location,
            f"There is no class {selector}.{hint}",
            "A registered part, a Keras optimizer or schedule, MultiTaskModel or Experiment.",
            "Correct the name, or load the plugin that registers it with --plugin or import.",
        )
    elif len(matches) > 1:
        yield Finding(
            location,
            f"{selector} may be {' or '.join(part.selector for part in matches)}.",
            "A name that means one class.",
            f"Write more of it, for example {matches[0].selector}.",
        )


def _is_open(part: Configurable) -> bool:
    import inspect

    parameters = inspect.signature(part.cls.__init__).parameters.values()
    return any(each.kind is each.VAR_KEYWORD for each in parameters)
