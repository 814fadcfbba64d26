"""What TensorFlow Recommenders' Ranking task gives; run in a process of its own.

TF_USE_LEGACY_KERAS=1 python tfrs_ranking.py inputs.npz outputs.npz
"""

import sys

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

LOSSES = {
    "mean_squared_error": tf.keras.losses.MeanSquaredError,
    "mean_absolute_error": tf.keras.losses.MeanAbsoluteError,
    "huber": tf.keras.losses.Huber,
    "binary_crossentropy": tf.keras.losses.BinaryCrossentropy,
}


def main(inputs: str, outputs: str) -> None:
    given = np.load(inputs)
    results = {}
    for name, loss in LOSSES.items():
        for weighted in (False, True):
            task = tfrs.tasks.Ranking(loss=loss())
            predictions = tf.constant(given["predictions"][:, None])
            with tf.GradientTape() as tape:
                tape.watch(predictions)
                value = task(
                    labels=given["labels"][:, None],
                    predictions=predictions,
                    sample_weight=given["weights"] if weighted else None,
                )
            results[f"{name}/{weighted}/loss"] = value.numpy()
            results[f"{name}/{weighted}/gradient"] = tape.gradient(value, predictions).numpy()
    np.savez(outputs, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
