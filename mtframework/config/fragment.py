"""Files that are meant to be included."""

from collections.abc import Iterator

from mtframework.config.configuration import ROOT, Configuration
from mtframework.config.syntax import REQUIRED, Binding, Macro, references


def is_fragment(configuration: Configuration, depth: int = 1) -> bool:
    """Returns whether a file leaves something to whoever includes it.

    It does where it says so itself, `loss_weight = %gin.REQUIRED`, and where it binds nothing of
    `Experiment`. A file that binds a part of `Experiment` alone, or forgets what a file that it
    includes leaves to it, is an experiment with a mistake.

    Args:
        configuration: The file's statements and those of the files that it includes.
        depth: How many include statements lead to the file; the command line is the first one.
    """
    return not binds_experiment(configuration) or any(
        len(behind.includes) <= depth for _, behind in required(configuration)
    )


def binds_experiment(configuration: Configuration) -> bool:
    """Returns whether a file, or one that it includes, binds anything of `Experiment`."""
    root = configuration.parts.find(ROOT)
    return any(
        configuration.parts.find(binding.selector) is root
        for binding in configuration.source.bindings
    )


def left_to_set(configuration: Configuration) -> list[str]:
    """Returns what is bound to `%gin.REQUIRED`, of the objects that would be made."""
    return list(dict.fromkeys(binding.key for binding, _ in required(configuration)))


def required(configuration: Configuration) -> Iterator[tuple[Binding, Binding]]:
    """Yields each binding of the objects to `%gin.REQUIRED`, and the line that says REQUIRED."""
    for made in configuration.made():
        for binding in configuration.arguments(made.part, made.scope).values():
            macros = [macro for _, macro in configuration.macros_in(binding.value) if macro]
            for each in (binding, *macros):
                if any(isinstance(m, Macro) and m.name == REQUIRED for m in references(each.value)):
                    yield binding, each
