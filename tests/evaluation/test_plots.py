"""Plots: well-formed, with every value where it belongs."""

import math
import xml.etree.ElementTree as ElementTree

import pytest

from mtframework.evaluation.plots import Point, Series, plot_intervals, plot_series, ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (-0.013, 0.004, [-0.015, -0.01, -0.005, 0, 0.005]),
     (0.9, 0.9, [0.8, 1.0]), (0, 0, [0.0, 0.2])],
)  # fmt: skip
def test_ticks_are_round_and_reach_around(low, high, expected):
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert found[: len(expected)] == pytest.approx(expected)


def test_larger_values_stand_higher_and_later_ones_further_right():
    series = [Series("a <b>", [Point(1, 3.0, 0.5), Point(10, 1.0), Point(100, 2.0)])]
    root = ElementTree.fromstring(plot_series("t & u", series, "x", "y", log_x=True))
    circles = root.findall(f"{SVG}circle")
    x, y = ([float(each.get(axis)) for each in circles] for axis in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)  # decades
    assert y[0] < y[2] < y[1]  # SVG counts from the top
    assert root.find(f"{SVG}title").text == "t & u"
    assert "a <b>" in [each.text for each in root.findall(f"{SVG}text")]


def test_what_is_not_finite_is_left_out():
    series = [Series("a", [Point(1, math.nan), Point(2, 1.0), Point(3, math.inf)]), Series("b", [])]
    root = ElementTree.fromstring(plot_series("t", series, "x", "y"))
    assert len(root.findall(f"{SVG}circle")) == 1


def test_intervals_stand_around_their_values():
    rows = [("a", Point(0.2, 0.0, 0.1)), ("b", Point(-0.2, 0.0, math.nan))]
    root = ElementTree.fromstring(plot_intervals("t", rows, "x"))
    [first, second] = (float(each.get("cx")) for each in root.findall(f"{SVG}circle"))
    [zero] = (line for line in root.findall(f"{SVG}line") if line.get("stroke") == "#555")
    [interval] = (line for line in root.findall(f"{SVG}line") if line.get("stroke-width") == "2")
    assert second < float(zero.get("x1")) < float(interval.get("x1"))
    assert float(interval.get("x1")) < first < float(interval.get("x2"))
