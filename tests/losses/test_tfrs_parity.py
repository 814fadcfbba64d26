"""The losses, gradients and hits of TensorFlow Recommenders itself."""

import numpy as np
import pytest
from keras import ops

from mtframework.losses.in_batch_softmax import in_batch_softmax
from mtframework.metrics.catalogue_rank import catalogue_ranks

CASES = {
    "plain": {},
    "temperature": {"temperature": 0.2},
    "probability": {"sampling_probability": "probability"},
    "accidental": {"remove_accidental_hits": True},
    "hard": {"num_hard_negatives": 3},
    "weights": {},
    "together": {
        "temperature": 0.2,
        "remove_accidental_hits": True,
        "sampling_probability": "probability",
    },
}


@pytest.mark.parametrize("num_candidates", [None, 8])
@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_tfrs(
    tfrs_reference, value_and_gradients, case, num_candidates
):
    inputs, reference = tfrs_reference
    arguments = {
        name: ops.convert_to_tensor(inputs[value]) if isinstance(value, str) else value
        for name, value in CASES[case].items()
    }
    weighted = case in ("weights", "together")
    weights = inputs["weights"] if weighted else np.ones_like(inputs["weights"])

    def loss(queries, candidates):
        losses = in_batch_softmax(
            queries,
            candidates,
            ops.convert_to_tensor(inputs["ids"]),
            num_candidates=num_candidates,
            **arguments,
        )
        return ops.sum(ops.convert_to_tensor(weights) * losses)

    found = value_and_gradients(loss, inputs["queries"], inputs["candidates"])
    for part, value in zip(("loss", "queries", "candidates"), found, strict=True):
        expected = reference[f"{case}/{part}"]
        if part == "candidates" and (num_candidates or case == "hard"):
            # One row stands for its equals, or is chosen among them; the sum is the same.
            table = np.eye(8)[inputs["ids"]].T
            value, expected = table @ value, table @ expected
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)


def test_hits_are_those_of_tfrs_to_the_last(tfrs_reference):
    inputs, reference = tfrs_reference
    ranks, _ = catalogue_ranks(inputs["queries"], inputs["positives"], inputs["catalogue"])
    hits = ranks[:, None] < inputs["sizes"]
    assert 0 < hits.mean() < 1
    assert hits.astype(float).tolist() == reference["hits"].tolist()
