"""What reaches a terminal."""

import io

import pytest

from mtframework.cli import output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred", r"a\x1b[31mred"),
        ("title\x1b]0;mine\x07", r"title\x1b]0;mine\x07"),
        ("left\u202eright", r"left\u202eright"),
        ("café, 映画\tand\nlines", "café, 映画\tand\nlines"),
    ],
)
def test_characters_that_command_a_terminal_are_shown_as_codes(text, shown):
    assert output.visible(text) == shown


def test_tables_and_lines_are_plain():
    console = output.PlainConsole(
        file=io.StringIO(), force_terminal=True, width=60, markup=False, highlight=False
    )
    table = output.table("product")
    table.add_row("p\x1b]0;mine\x07")
    console.print(table)
    console.print("p\x1b[2J [bold]")
    text = console.file.getvalue()
    assert r"p\x1b]0;mine\x07" in text
    assert r"p\x1b[2J [bold]" in text
    assert "\x07" not in text
    assert "\x1b[2J" not in text
