"""Writes what every command takes where a page says `<!-- commands -->`."""

import typer
from typer.cli import get_docs_for_click

from mtframework.cli.app import app

MARK = "<!-- commands -->"


def on_page_markdown(markdown, **_):
    return markdown.replace(MARK, _commands()) if MARK in markdown else markdown


def _commands() -> str:
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="mtframework")
    return text[text.index("\n## ") :]  # the page lists the commands already
