"""All that can be told of an experiment without its data."""

from collections.abc import Iterator, Sequence

from mtframework.config.checks import (
    circles,
    classes,
    columns,
    duplicates,
    keras_numbers,
    macros,
    names,
    objects,
    orders,
    shares,
    unused,
    validation,
    values,
)
from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.errors import PluginError

_CHECKS = (classes, duplicates, macros, circles, unused, values, keras_numbers, names)


def check_configuration(
    configuration: Configuration, plugin_failures: Sequence[PluginError] = ()
) -> Iterator[Finding]:
    """Yields the mistakes that the statements show, before any object is made.

    Args:
        configuration: What the statements come to.
        plugin_failures: The installed plugins that failed to load: one of them may be why a class
            is unknown.
    """
    found = list(configuration.source.findings)
    for each in _CHECKS:
        found += each.check(configuration)
    yield from sorted(found, key=lambda finding: finding.location)
    unknown = any("There is no class" in finding.found for finding in found)
    for failure in plugin_failures if unknown else ():
        yield Finding(configuration.source.location, failure.found, failure.expected, failure.fix)


def check_arguments(configuration: Configuration) -> Iterator[Finding]:
    """Yields the mistakes that each object tells of its own arguments.

    Nothing but lines that are not read may be wrong with the configuration.
    """
    yield from objects.check(configuration)


def check_objects(configuration: Configuration) -> Iterator[Finding]:
    """Yields the mistakes that show when objects are made, and before any data is read.

    The configuration must have passed `check_configuration` without an error.
    """
    refused = list(check_arguments(configuration))
    yield from refused
    if refused:
        return
    experiment, findings = objects.whole(configuration)
    yield from findings
    if experiment is None:
        return
    yield from validation.check(configuration, experiment)
    lacking = list(columns.check(configuration, experiment))
    yield from lacking
    if not lacking:
        found = list(shares.check(configuration, experiment))
        yield from found
        if not any(finding.is_error for finding in found):
            yield from orders.check(configuration, experiment)
