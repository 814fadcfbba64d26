"""Writes what TensorFlow Recommenders' tasks return; run in a process of its own, with Keras 2.

The first argument is an .npz of inputs, the second the .npz to write.
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

RANKING = {
    "mean_squared_error": tf.keras.losses.MeanSquaredError,
    "huber": tf.keras.losses.Huber,
    "binary_crossentropy": tf.keras.losses.BinaryCrossentropy,
}
RETRIEVAL = {
    "plain": {},
    "temperature": {"temperature": 0.2},
    "accidental": {"remove_accidental_hits": True},
    "hard": {"num_hard_negatives": 3},
    "probability": {},
}


def main(source, destination):
    given = {name: tf.constant(values) for name, values in np.load(source).items()}
    results = {}
    for name, loss in RANKING.items():
        task = tfrs.tasks.Ranking(loss=loss())
        with tf.GradientTape() as tape:
            tape.watch(given["predictions"])
            value = task(given["labels"], given["predictions"])
        results[f"{name}/loss"] = value
        results[f"{name}/gradient"] = tape.gradient(value, given["predictions"])
    for name, arguments in RETRIEVAL.items():
        task = tfrs.tasks.Retrieval(**arguments)
        embeddings = [given["queries"], given["candidates"]]
        probability = given["probability"] if name == "probability" else None
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = task(
                *embeddings,
                sample_weight=given["weights"],
                candidate_ids=given["ids"],
                candidate_sampling_probability=probability,
            )
        results[f"{name}/loss"] = value
        results[f"{name}/gradient"] = np.stack(tape.gradient(value, embeddings))
    np.savez(destination, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
