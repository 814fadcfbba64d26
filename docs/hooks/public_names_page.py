"""Writes every public name where a page says `<!-- public names -->`, from the names themselves.

The table lists all of them by the room that they live in. A name that another page documents, such
as a task on the page of tasks, gets no second section.
"""

import importlib
import inspect
import re
from pathlib import Path

import mtframework
import mtframework.testing

MARK = "<!-- public names -->"
DOCS = Path(__file__).parents[1]


def on_page_markdown(markdown, **_):
    return markdown.replace(MARK, public_names()) if MARK in markdown else markdown


def public_names() -> str:
    """Returns the table of the names, and a section for each that no other page documents."""
    names = {f"mtframework.{name}": getattr(mtframework, name) for name in mtframework.__all__}
    kits = mtframework.testing
    names |= {f"mtframework.testing.{name}": getattr(kits, name) for name in kits.__all__}
    elsewhere = set(re.findall(r"^::: (\S+)", "\n".join(_pages()), re.MULTILINE))
    rooms: dict[str, list[str]] = {}
    sections = []
    for name, thing in names.items():
        room, path = _room(name, thing), _path(thing)
        rooms.setdefault(room, []).append(f"`{name.removeprefix('mtframework.')}`")
        if path is not None and path not in elsewhere:
            sections.append(_section(path, thing))
    rows = [f"| {room} | {', '.join(rooms[room])} |" for room in sorted(rooms)]
    return "\n".join(["| from | names |", "|---|---|", *rows, "", *sections])


def _pages() -> list[str]:
    return [path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md"))]


def _path(thing) -> str | None:
    """Returns where a name is defined; None of a method of an object, such as a registry's."""
    return None if inspect.ismethod(thing) else f"{thing.__module__}.{thing.__qualname__}"


def _room(name: str, thing) -> str:
    module = thing.__func__.__module__ if inspect.ismethod(thing) else thing.__module__
    room = importlib.import_module(".".join(module.split(".")[:2]))
    return (inspect.getdoc(room) or name).split("\n")[0].rstrip(".")


def _section(path: str, thing) -> str:
    members = [
        name
        for name, member in vars(thing).items()
        if inspect.isclass(thing)
        and not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, (classmethod, property)))
        and inspect.getdoc(member)
        and not name.endswith(("_config", "_assets"))
    ]
    options = f"\n    options:\n      members: [{', '.join(members)}]" if members else ""
    return f"::: {path}{options}\n"
