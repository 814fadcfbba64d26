"""tf.keras is Keras 2 where a task is made, and one clear error says where it cannot be."""

import os
import subprocess
import sys

import keras
import pytest
import tensorflow as tf
from mtf_tfrs import TfrsRanking, TfrsRetrieval

from mtframework import MtframeworkError


@pytest.mark.parametrize("kind", [TfrsRanking, TfrsRetrieval])
def test_other_backends_are_refused(kind, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(MtframeworkError, match=rf"{kind.__name__} .*Keras runs on jax[\s\S]*fix"):
        kind("task", label="x")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_recommenders", None)
    with pytest.raises(MtframeworkError, match=r"pip install tensorflow-recommenders tf-keras"):
        TfrsRanking("rating", label="x")


def test_both_kerases_are_in_one_process():
    TfrsRanking("rating", label="x")
    assert tf.keras.layers.Layer.__module__.startswith("tf_keras.")
    assert keras.__version__.startswith("3.")


TOO_LATE = """
import mtf_tfrs
import tensorflow as tf
assert tf.keras.layers.Layer.__module__.startswith("keras."), "the plugin alone changes nothing"
mtf_tfrs.TfrsRanking("rating", label="x")
"""


def test_too_late_is_one_clear_error():
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    done = subprocess.run(
        [sys.executable, "-c", TOO_LATE], env=environment, capture_output=True, text=True
    )
    assert "TfrsRanking came too late" in done.stderr
    assert "fix: Start Python with TF_USE_LEGACY_KERAS=1" in done.stderr
