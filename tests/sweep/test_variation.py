"""What --vary means."""

import pytest

from mtframework.errors import ExperimentError
from mtframework.sweep.variation import Variation, parse_variation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/B.c=0.1..1", Variation("a/B.c", 0.1, 1.0)),
        ("a/B.c = log: 1e-4 .. 1e-1", Variation("a/B.c", 1e-4, 0.1, is_log=True)),
        ("B.c=-4..16", Variation("B.c", -4, 16)),
        ("size=[8, 16]", Variation("size", choices=("8", "16"))),
        ("B.c=[None, @mmoe/MMoE(), 'x, y']",
         Variation("B.c", choices=("None", "@mmoe/MMoE()", "'x, y'"))),
    ],
)  # fmt: skip
def test_what_can_be_read(text, expected):
    found = parse_variation(text)
    assert found == expected
    assert [type(found.low), type(found.high)] == [type(expected.low), type(expected.high)]


@pytest.mark.parametrize("text", ["B.c", "B.c=", "=1..2", "B.c=1...2", "B.c=[]", "B.c=[1", "B.c=x"])
def test_what_cannot_be_read(text):
    with pytest.raises(ExperimentError, match="cannot be read"):
        parse_variation(text)


@pytest.mark.parametrize("text", ["B.c=2..1", "B.c=1..1", "B.c=log:0..1", "B.c=log:-1.0..1.0"])
def test_range_without_values(text):
    with pytest.raises(ExperimentError, match="has no values"):
        parse_variation(text)
