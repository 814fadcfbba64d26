"""All that can be told of an experiment without its data."""

from collections.abc import Iterator, Sequence

from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.errors import PluginError


def check_configuration(
    configuration: Configuration, plugin_failures: Sequence[PluginError] = ()
) -> Iterator[Finding]:
    yield from configuration.source.findings


def check(loaded):
    return loaded.findings
