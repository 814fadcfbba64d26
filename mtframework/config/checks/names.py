"""Parts without a name, and two of one name."""

from collections.abc import Iterator

from mtframework.config.configuration import Configuration, Made
from mtframework.config.finding import Finding


def check(configuration: Configuration) -> Iterator[Finding]:
    """Finds tasks, towers and the like that have no name, or the name of another one."""
    seen: dict[tuple[str, str], Made] = {}
    for made in configuration.made():
        if not made.part.is_named:
            continue
        bound = configuration.arguments(made.part, made.scope).get("name")
        if bound is None:
            yield Finding(
                made.location,
                f"This {made.part.kind} has no name: @{made.part.name}().",
                "A scope, which is its name.",
                f"Write @my_name/{made.part.name}(), and bind my_name/{made.part.name}.... = ...",
            )
            continue
        name = str(configuration.resolved(bound.value))
        other = seen.setdefault((made.part.kind, name), made)
        if other is not made:
            yield Finding(
                made.location,
                f'Two {made.part.kind}s are named "{name}": {made.key}() and, at '
                f"{other.location}, {other.key}().",
                "A name, which is the scope, of its own for each.",
                "Give one of the two another scope.",
            )
