"""Every page is in the navigation, and every part and public name has a page."""

import importlib
import inspect
import re
import runpy
from pathlib import Path

import pytest

import mtframework
import mtframework.testing
from mtframework.registry import REGISTRIES, load_builtin_parts

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [path for ending in ("md", "ipynb") for path in sorted(DOCS.rglob(f"*.{ending}"))]
TEXTS = {path: path.read_text("utf-8") for path in PAGES}
TEXTS[DOCS / "reference.md"] = runpy.run_path(str(DOCS / "hooks" / "public_names_page.py"))[
    "on_page_markdown"
](TEXTS[DOCS / "reference.md"])
DIRECTIVES = [path for text in TEXTS.values() for path in re.findall(r"^::: (\S+)", text, re.M)]
NAVIGATION = (ROOT / "mkdocs.yml").read_text("utf-8")

load_builtin_parts()
PARTS = [
    part
    for registry in REGISTRIES.values()
    for part in registry
    if part.cls.__module__.startswith("mtframework.")
]


def path_of(thing) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_page_is_in_the_navigation(page):
    name = re.escape(str(page.relative_to(DOCS)))
    assert re.search(rf": {name}$", NAVIGATION, re.MULTILINE), f"Add {name} to nav in mkdocs.yml."


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.cls.__name__)
def test_part_has_a_row_and_a_section_on_a_page(part):
    path, name = path_of(part.cls), part.cls.__name__
    [page, *more] = [text for text in TEXTS.values() if f"\n::: {path}\n" in text] or [""]
    assert page, f"{name} has no page: write `::: {path}` on the page of its kind in docs/."
    assert not more, f"{name} is on two pages."
    assert re.search(rf"^\| \[?`{name}`", page, re.MULTILINE), f"{name} is not in its page's table."


@pytest.mark.parametrize(
    "name", [*mtframework.__all__, *(f"testing.{name}" for name in mtframework.testing.__all__)]
)
def test_public_name_has_a_page(name):
    module, _, attribute = f"mtframework.{name}".rpartition(".")
    thing = getattr(importlib.import_module(module), attribute)
    assert f"`{name}`" in TEXTS[DOCS / "reference.md"], f"{name} is not in the table of names."
    if not inspect.ismethod(thing):  # of a registry; the page of its kind says how to register
        assert path_of(thing) in DIRECTIVES, f"{name} has no section on a page."


@pytest.mark.parametrize("path", DIRECTIVES)
def test_page_is_about_something_that_exists(path):
    module, _, name = path.rpartition(".")
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("folder", ["sharing", "balancing"])
def test_fragment_is_in_a_table(folder):
    rows = [line for text in TEXTS.values() for line in text.splitlines() if line[:1] == "|"]
    for fragment in sorted((ROOT / "gin" / folder).glob("*.gin")):
        assert any(f"`{folder}/{fragment.name}`" in row for row in rows), f"{fragment} has no row."


def test_command_has_a_row():
    from typer.main import get_command

    from mtframework.cli.app import app

    page = TEXTS[DOCS / "command_line.md"]
    for name, command in get_command(app).commands.items():
        for inner in getattr(command, "commands", [None]):
            words = " ".join(filter(None, ("mtframework", name, inner)))
            assert re.search(rf"^\| `{words}\b", page, re.MULTILINE), f"{words} has no row."
