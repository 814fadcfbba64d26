"""Objects that need themselves to be made."""

from collections.abc import Iterator

from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds objects among whose arguments is, by whatever way around, the same object again."""
    for made in configuration.made():
        if made.target not in made.path:
            continue
        ring = [*made.path[made.path.index(made.target) :], made.target]
        names = [target.removeprefix("/") for target in ring]
        yield Finding(
            made.location,
            f"{made.key}() needs itself: {' -> '.join(names)}.",
            "Objects whose arguments end in plain values.",
            "Write another object here, or the same class in a scope of its own.",
        )
