"""Every example in a docstring runs and prints what it says; every public part has one."""

import doctest
import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest

import mtframework as mtf

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(mtf.__path__, "mtframework.")
    if ".cli" not in module.name and "._gin" not in module.name
)
NAMES = {"keras": keras, "ops": keras.ops, "np": np, "mtf": mtf}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, extraglobs=NAMES, optionflags=FLAGS)
    assert results.failed == 0


@pytest.mark.parametrize("name", mtf.__all__)
def test_public_names_are_documented(name):
    part = getattr(mtf, name)
    assert inspect.getdoc(part), f"{name} has no docstring"
