"""What the tests of the contract checks share."""

import pytest

from mtframework import registry


@pytest.fixture
def register(monkeypatch):
    """Registers a class for one test: `register(registry.TASKS, cls)`."""
    for each in registry.REGISTRIES.values():
        monkeypatch.setattr(each, "_parts", dict(each._parts))

    def register_class(kind, cls):
        return kind.register(f"broken_{cls.__name__.lower()}")(cls)

    return register_class
