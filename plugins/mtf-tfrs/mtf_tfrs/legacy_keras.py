"""TensorFlow Recommenders (TFRS) in a process whose Keras is Keras 3."""

import importlib
import os
from types import ModuleType

import keras

from mtframework import MtframeworkError


def import_tfrs(wanted_by: str) -> ModuleType:
    """Returns the module `tensorflow_recommenders`, with `tf.keras` as the Keras 2 that it needs.

    TensorFlow decides what `tf.keras` is when something first reads it, by the environment variable
    TF_USE_LEGACY_KERAS, which is set here; `import keras` stays Keras 3.

    Args:
        wanted_by: The class that needs it, for messages.

    Raises:
        MtframeworkError: Keras runs on another backend than TensorFlow, or `tf.keras` is Keras 3
            already, or TensorFlow Recommenders is not installed.
    """
    if keras.backend.backend() != "tensorflow":
        raise MtframeworkError(
            f"{wanted_by} computes with TensorFlow, and Keras runs on {keras.backend.backend()}.",
            "Keras on TensorFlow.",
            "Start Python with KERAS_BACKEND=tensorflow, or take the task of the same name without "
            "Tfrs, which runs on every backend.",
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        import tensorflow as tf

        module = tf.keras.layers.Layer.__module__
        if not module.startswith("tf_keras."):
            raise MtframeworkError(
                f"{wanted_by} came too late: something in this process has used tf.keras, "
                "which is Keras 3 from then on.",
                "tf.keras as Keras 2, which TensorFlow Recommenders is written for.",
                "Start Python with TF_USE_LEGACY_KERAS=1; `import keras` stays Keras 3.",
            )
        return importlib.import_module("tensorflow_recommenders")
    except ImportError as error:
        raise MtframeworkError(
            f"{wanted_by} needs TensorFlow Recommenders, which cannot be imported: {error}",
            "tensorflow-recommenders and tf-keras, of the version of tensorflow.",
            "Run: pip install tensorflow-recommenders tf-keras",
        ) from error
