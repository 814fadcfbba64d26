"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil

import keras
import mtf_tfrs
import numpy as np
import pytest

import mtframework as mtf

MODULES = [module.name for module in pkgutil.iter_modules(mtf_tfrs.__path__, "mtf_tfrs.")]
NAMES = {"keras": keras, "ops": keras.ops, "np": np, "mtf": mtf}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, extraglobs=NAMES, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0
