"""Rows of the command line."""

import pytest

from mtframework.cli.rows import parse_row
from mtframework.errors import DataError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user_id=42", {"user_id": "42"}),
        ("a=1, b=2", {"a": "1", "b": "2"}),
        ("title=Postino, Il (1994),user=3", {"title": "Postino, Il (1994)", "user": "3"}),
        ("title=2+2=5,user=3", {"title": "2+2=5", "user": "3"}),
        ("a=", {"a": ""}),
    ],
)
def test_row(text, expected):
    assert parse_row(text) == expected


@pytest.mark.parametrize("text", ["", "42", "user 42", "42=user"])
def test_what_is_no_row(text):
    with pytest.raises(DataError, match="is not a row"):
        parse_row(text)
