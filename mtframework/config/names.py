"""A part's name is its Gin scope."""

from mtframework.config.configuration import Configuration
from mtframework.config.syntax import Binding


def name_by_scope(configuration: Configuration) -> None:
    """Binds `scope/Class.name = 'scope'` for every named part that is made without a name.

    Of several scopes, as in `@shop/click/BinaryFeedback()`, the innermost is the name.
    """
    for made in list(configuration.made()):
        part, scope = made.part, made.scope
        if part.is_named and scope and "name" not in configuration.arguments(part, scope):
            selector = configuration.parts.shortest_selector(part)
            name = scope.split("/")[-1]
            configuration.bind(Binding(scope, selector, "name", name, made.location))
