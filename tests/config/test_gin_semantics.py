"""Scopes, macros and references in every mixture: what is made of them is what Gin makes."""

import re
from pathlib import Path
from typing import Any

import gin_itself
import pytest
from gin_itself import made_by_gin
from hypothesis import given, settings
from hypothesis import strategies as st

from mtframework.config.build import build
from mtframework.config.check import check_configuration
from mtframework.config.configuration import Configuration
from mtframework.config.fragment import is_fragment
from mtframework.config.includes import Source
from mtframework.config.parts import Configurable, Parts
from mtframework.config.syntax import Binding, parse


class Made:
    """Keeps what it was made with."""

    def __init__(self, a: Any = None, b: Any = None, c: Any = None):
        self.arguments = (a, b, c)


class Experiment(Made):
    def __init__(self, a: Any = None, b: Any = None, seed: Any = 0):
        super().__init__(a, b, seed)


class Apple(Made):
    pass


class Berry(Made):
    pass


class Cherry(Made):
    def __init__(self, a: Any, b: Any = None, c: Any = None):
        super().__init__(a, b, c)


PARTS = Parts(
    [
        Configurable(Experiment, "mtframework", "experiment"),
        Configurable(Apple, "orchard", "fruit"),
        Configurable(Berry, "wood.deep", "fruit"),
        Configurable(type("Berry", (Berry,), {}), "garden", "fruit"),
        Configurable(Cherry, "orchard", "fruit"),
    ]
)
# Berry alone may be either of two; a plum is not a class.
CLASSES = ["Apple", "orchard.Apple", "deep.Berry", "wood.deep.Berry", "garden.Berry", "Cherry"]
RARE_CLASSES = [*CLASSES * 5, "Berry", "Plum"]
SCOPES = ["", "", "s/", "t/", "s/t/", "t/s/", "m/"]
MACROS = ["m", "n", "s/m", "m/s"]

classes = st.sampled_from(RARE_CLASSES)
scopes = st.sampled_from(SCOPES)
objects = st.builds(lambda scope, cls: f"@{scope}{cls}()", scopes, classes)
macros = st.sampled_from([*MACROS * 5, "gin.REQUIRED", "REQUIRED"]).map(lambda name: f"%{name}")
plain = st.sampled_from(["1", "-2.5", "True", "None", "'text'", "'two' 'texts'", "(1)", "()"])
single = st.one_of(plain, objects, objects, macros)


def containers(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = st.lists(values, max_size=3)
    pairs = st.lists(st.tuples(values, values).map(": ".join), max_size=2)
    return st.one_of(
        items.map(lambda each: f"[{', '.join(each)}]"),
        items.map(lambda each: f"({''.join(f'{value}, ' for value in each)})" if each else "()"),
        pairs.map(lambda each: f"{{{', '.join(each)}}}"),
    )


values = st.one_of(single, single, st.recursive(single, containers, max_leaves=4))
arguments = st.sampled_from(["a"] * 6 + ["b"] * 3 + ["c"] * 2 + ["d"])
bindings = st.builds("{}{}.{} = {}".format, scopes, classes, arguments, values)
blocks = st.builds("{}{}:\n  a = {}\n  b = {}".format, scopes, classes, values, values)
macro_bindings = st.builds("{} = {}".format, st.sampled_from(MACROS), values)
roots = st.builds("Experiment.{} = {}".format, st.sampled_from(["a", "b"]), values)
statements = st.one_of(bindings, bindings, bindings, blocks, macro_bindings, macro_bindings, roots)


@st.composite
def texts(draw) -> str:
    """A file that binds every macro and the root, so that more than a few can be made."""
    firsts = [f"{name} = {draw(plain)}" for name in MACROS]
    return "\n".join([*firsts, *draw(st.lists(statements, max_size=12)), draw(roots)])


@pytest.fixture(autouse=True)
def _classes():
    gin_itself.register(PARTS)


def read(text: str) -> Configuration | None:
    """Returns what a text comes to; None where it is not valid Gin."""
    try:
        found = [each for each in parse(text, "a.gin") if isinstance(each, Binding)]
    except SyntaxError:
        return None
    return Configuration(Source(Path("a.gin"), found), PARTS)


# Mistakes that keep no object from being made, which Gin takes.
TAKEN_BY_GIN = re.compile("Nothing reads|Nothing uses|is bound twice|makes a new")


def is_refused(configuration: Configuration) -> bool:
    """Returns whether there is a mistake because of which objects cannot be made."""
    found = [each.found for each in check_configuration(configuration) if each.is_error]
    cannot = [each for each in found if not TAKEN_BY_GIN.search(each)]
    return bool(cannot) or is_fragment(configuration)


def tree(value: Any, seen: list[Any]) -> Any:
    """Returns all that an object was made with, and notes every object down."""
    match value:
        case Made():
            seen.append(value)
            return type(value), tree(value.arguments, seen)
        case list() | tuple():
            return [type(value), *(tree(each, seen) for each in value)]
        case dict():
            return [dict, *(tree(pair, seen) for pair in value.items())]
    return repr(value)


def compare(text: str) -> bool:
    """Compares what is made of a text; returns whether Gin takes it."""
    configuration = read(text)
    try:
        expected = made_by_gin(text)
    except Exception:  # whatever Gin raises
        assert configuration is None or is_refused(configuration)
        return False
    if configuration is None:
        return False  # a dictionary with a key that stands there twice
    first, second = [], []
    assert tree(expected, first) == tree(build(configuration), second)
    assert len({id(each) for each in second}) == len(second) == len(first)
    return True


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(texts())
def test_every_mixture(text):
    compare(text)


CASES = {
    "a scope over none": "s/Apple.a = 1\nApple.a = 2\nApple.b = 3\nExperiment.a = @s/Apple()",
    "a nested scope": "s/Apple.a = 1\ns/t/Apple.b = 2\nt/Apple.c = 3\nExperiment.a = @s/t/Apple()",
    "a reference in the scope of its reader": "s/Cherry.a = 1\nCherry.a = 2\ns/Apple.a = @Cherry()"
    "\nApple.b = @Cherry()\nExperiment.a = @s/Apple()\nExperiment.b = @Cherry()",
    "a scope that takes the reader's place": "s/t/Cherry.a = 1\nt/Cherry.a = 2\n"
    "s/Apple.a = @t/Cherry()\nExperiment.a = @s/Apple()",
    "a macro in the scope of its name": "m = @Apple()\nm/Apple.a = 1\nApple.a = 2\n"
    "s/Cherry.a = %m\nExperiment.a = [%m, @s/Cherry()]",
    "a macro that is bound later": "Apple.a = %m\nExperiment.a = @Apple()\nm = 1\nm = 2",
    "a macro behind a macro": "m = [%n, 1]\nn = @Apple()\nn/Apple.a = 3\nExperiment.a = %m",
    "the later of two": "Apple.a = 1\norchard.Apple.a = 2\nExperiment.a = @Apple()",
    "objects made anew": "Experiment.a = [@Apple(), @Apple()]\nExperiment.b = {'x': @Apple()}",
    "keys": "m = 'x'\nExperiment.a = {%m: 1, 'y': %m}",
    "what is never made": "Experiment.a = 1\nApple.a = %gin.REQUIRED",
}


@pytest.mark.parametrize("case", CASES)
def test_case_that_gin_takes(case):
    assert compare(CASES[case])


REFUSED = {
    "a name of two classes": "Experiment.a = @Berry()",
    "an unknown class": "Experiment.a = @Plum()",
    "an unknown argument": "Apple.d = 1\nExperiment.a = @Apple()",
    "a macro that an outer scope has": "m = 1\nExperiment.a = %m/s",
    "a macro that nothing binds": "Experiment.a = [{1: %m}]",
    "a circle of macros": "m = [%n]\nn = %m\nExperiment.a = %m",
    "a circle of objects": "Apple.a = @Cherry()\nCherry.a = [@s/Apple()]\nExperiment.a = @Apple()",
    "a required argument": "Experiment.a = @Cherry()",
    "a value that is left to set": "Apple.a = %REQUIRED\nExperiment.a = @Apple()",
    "a macro by the name of Gin's own": "REQUIRED = 1\nExperiment.a = %REQUIRED",
}


@pytest.mark.parametrize("case", REFUSED)
def test_case_that_gin_refuses(case):
    assert not compare(REFUSED[case])
