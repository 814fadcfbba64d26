"""Files that are meant to be included."""

from mtframework.config.configuration import ROOT, Configuration
from mtframework.config.syntax import REQUIRED


def is_fragment(configuration: Configuration) -> bool:
    """Returns whether a file leaves something to whoever includes it.

    It does where it says so, `loss_weight = %gin.REQUIRED`, and where it binds nothing of
    `Experiment`. A file that binds a part of `Experiment` alone is an experiment with a mistake.
    """
    return not binds_experiment(configuration) or bool(left_to_set(configuration))


def binds_experiment(configuration: Configuration) -> bool:
    """Returns whether a file, or one that it includes, binds anything of `Experiment`."""
    root = configuration.parts.find(ROOT)
    return any(
        configuration.parts.find(binding.selector) is root
        for binding in configuration.source.bindings
    )


def left_to_set(configuration: Configuration) -> list[str]:
    """Returns what is bound to `%gin.REQUIRED`, of the objects that would be made."""
    left: dict[str, None] = {}
    for made in configuration.made():
        for binding in configuration.arguments(made.part, made.scope).values():
            if any(macro.name == REQUIRED for macro, _ in configuration.macros_in(binding.value)):
                left[binding.key] = None
    return list(left)
