"""The registry and plugins."""

import importlib
import sys

import keras
import pytest

from mtframework.errors import RegistryError
from mtframework.registry import ENTRY_POINT_GROUP, TASKS, Registry, load_plugins


@pytest.fixture
def layers() -> Registry:
    registry = Registry("layer")

    @registry.register("double")
    class Double(keras.layers.Layer):
        """Doubles its input.

        More on that.
        """

        def __init__(self, name=None, factor: int = 2):
            super().__init__(name=name)

    return registry


def test_part_says_what_it_is(layers):
    part = layers.get("double")
    assert part.summary == "Doubles its input."
    assert part.signature == "(name=None, factor: int = 2)"
    assert part.owner == __name__.split(".")[0]


def test_built_in_part_is_owned_by_the_distribution():
    from mtframework.tasks.ranking import Ranking

    assert TASKS.get("ranking").cls is Ranking
    assert TASKS.get("ranking").owner == "mtframework"


def test_unknown_name_gets_a_suggestion_and_the_list(layers):
    with pytest.raises(RegistryError) as raised:
        layers.get("duble")
    assert 'no layer named "duble". Did you mean "double"?' in str(raised.value)
    assert 'One of "double".' in str(raised.value)


def test_duplicate_names_both_owners_and_changes_nothing(layers):
    first = layers.get("double").cls

    class Other(keras.layers.Layer):
        """Another."""

        def __init__(self, name=None):
            super().__init__(name=name)

    with pytest.raises(RegistryError) as raised:
        layers.register("double")(Other)
    assert f"{first.__module__}.{first.__qualname__}" in str(raised.value)
    assert "Other" in str(raised.value)
    assert layers.get("double").cls is first


@pytest.mark.parametrize(
    ("text", "name", "part"),
    [
        ("not an identifier", "not a name", keras.layers.Layer),
        ("which is not a class", "right", lambda: None),
        ("takes **kwargs", "right", keras.layers.Dense),
    ],
)
def test_registry_refuses_and_registers_nothing(layers, text, name, part):
    with pytest.raises(RegistryError, match="expected: ") as raised:
        layers.register(name)(part)
    assert text in str(raised.value)
    assert [part.name for part in layers] == ["double"]


def plugin(folder, monkeypatch, name: str, source: str, requires: str = "numpy") -> None:
    """Writes an importable distribution with a plugin entry point."""
    (folder / f"{name}.py").write_text(source)
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: {requires}\n"
    )
    (information / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{name} = {name}\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()


TAKES_A_NAME = """
from mtframework import Task
from mtframework.registry import register_task

@register_task("ranking")
class AnotherRanking(Task):
    "Takes a name."
"""


def test_plugin_is_found_and_a_broken_one_is_named(tmp_path, monkeypatch):
    plugin(
        tmp_path,
        monkeypatch,
        "plugin_that_works",
        "from mtframework import Task\nfrom mtframework.registry import register_task\n"
        "@register_task('from_a_plugin')\nclass FromAPlugin(Task):\n    'Works.'\n",
    )
    half = TAKES_A_NAME.replace('"ranking"', '"half_a_plugin"') + "raise OSError('no licence file')"
    plugin(tmp_path, monkeypatch, "plugin_that_breaks", half)
    failures = load_plugins()
    assert TASKS.get("from_a_plugin").summary == "Works."
    assert "half_a_plugin" not in TASKS
    assert [str(failure) for failure in failures] == [
        'The plugin "plugin_that_breaks" of plugin_that_breaks failed to load: '
        "OSError: no licence file\n"
        "  expected: plugin_that_breaks imports and registers its parts.\n"
        "  fix: Fix or uninstall plugin_that_breaks."
    ]
    sys.modules.pop("plugin_that_works")


@pytest.mark.parametrize(
    ("source", "requires", "expected"),
    [
        ("import sys; sys.exit(3)", "numpy", "failed to load: SystemExit: 3"),
        (TAKES_A_NAME, "numpy", 'The task name "ranking" is taken: mtframework.tasks.ranking'),
        (
            "raise AssertionError('must not be imported')",
            "mtframework>=99.1",
            'The plugin "plugin_that_fails" of plugin_that_fails needs mtframework>=99.1.',
        ),
    ],
)
def test_plugin_that_cannot_be_had_is_one_error(source, requires, expected, tmp_path, monkeypatch):
    from mtframework.tasks.ranking import Ranking

    plugin(tmp_path, monkeypatch, "plugin_that_fails", source, requires)
    [failure] = load_plugins()
    assert expected in failure.found
    assert "fix: " in str(failure)
    assert TASKS.get("ranking").cls is Ranking


def test_plugin_that_needs_this_version_or_an_extra_is_loaded(tmp_path, monkeypatch):
    source = "from mtframework.registry import TASKS"
    plugin(tmp_path, monkeypatch, "plugin_of_today", source, "mtframework>=0.1")
    plugin(tmp_path, monkeypatch, "plugin_extra", source, "mtframework>=99; extra == 'new'")
    assert load_plugins() == []
    assert {"plugin_of_today", "plugin_extra"} <= set(sys.modules)
    for name in ("plugin_of_today", "plugin_extra"):
        sys.modules.pop(name)
