"""Writes what TensorFlow Recommenders computes; run in a process of its own, with Keras 2.

The first argument is an .npz of inputs, the second the .npz to write.
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

PARTS = "loss", "queries", "candidates"


def retrieval(inputs, arguments, call_arguments):
    """Returns the loss of a retrieval task and its gradients."""
    queries, candidates = tf.constant(inputs["queries"]), tf.constant(inputs["candidates"])
    task = tfrs.tasks.Retrieval(**arguments)
    with tf.GradientTape() as tape:
        tape.watch([queries, candidates])
        loss = task(queries, candidates, compute_metrics=False, **call_arguments)
    return [np.asarray(each) for each in (loss, *tape.gradient(loss, [queries, candidates]))]


def top_k(inputs):
    """Returns which positives FactorizedTopK finds among the best k, for every k."""
    catalogue = tf.data.Dataset.from_tensor_slices(inputs["catalogue"]).batch(7)
    sizes = inputs["sizes"].tolist()
    hits = []
    for query, positive in zip(inputs["queries"], inputs["positives"], strict=True):
        metric = tfrs.metrics.FactorizedTopK(candidates=catalogue, ks=sizes)
        metric.update_state(query[None], inputs["catalogue"][positive][None])
        hits.append([float(each) for each in metric.result()])
    return np.array(hits)


def main(source, destination):
    inputs = dict(np.load(source))
    ids, probability = tf.constant(inputs["ids"]), tf.constant(inputs["probability"])
    weights = tf.constant(inputs["weights"])
    cases = {
        "plain": ({}, {}),
        "temperature": ({"temperature": 0.2}, {}),
        "probability": ({}, {"candidate_sampling_probability": probability}),
        "accidental": ({"remove_accidental_hits": True}, {"candidate_ids": ids}),
        "hard": ({"num_hard_negatives": 3}, {}),
        "weights": ({}, {"sample_weight": weights}),
        "together": (
            {"temperature": 0.2, "remove_accidental_hits": True},
            {
                "candidate_ids": ids,
                "candidate_sampling_probability": probability,
                "sample_weight": weights,
            },
        ),
    }
    results = {"hits": top_k(inputs)}
    for name, case in cases.items():
        for part, value in zip(PARTS, retrieval(inputs, *case), strict=True):
            results[f"{name}/{part}"] = value
    np.savez(destination, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
