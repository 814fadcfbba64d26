"""Every combination of arguments, against the autodiff of a plain form."""

import itertools

import numpy as np
import pytest
from keras import ops

from mtframework.losses import chunked_softmax
from mtframework.losses.in_batch_softmax import (
    ExtraNegatives,
    in_batch_softmax,
)

BATCH, EXTRA, DIM, CATALOGUE = 13, 6, 5, 9


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    return {
        "queries": random.normal(size=(BATCH, DIM)).astype("float32"),
        "table": random.normal(size=(40, DIM)).astype("float32"),
        "ids": random.integers(0, CATALOGUE - 1, BATCH).astype("int32"),
        "extra_ids": random.integers(0, CATALOGUE, EXTRA).astype("int32"),
        "query_ids": random.integers(5, 9, BATCH).astype("int32"),
        "positive_rows": random.random(BATCH) < 0.7,
        "negative_rows": random.random(BATCH) < 0.6,
        "probability": random.uniform(0.01, 0.4, 40).astype("float32"),
        "weights": random.uniform(0.1, 2.0, BATCH).astype("float32"),
    }


def counted_columns(data, extra, masked, accidental, known, rows=BATCH):
    """Which columns each row's softmax runs over, pair by pair."""
    ids = list(data["ids"]) + (list(data["extra_ids"]) if extra else [])
    counted = np.zeros((rows, len(ids)), bool)
    for row, column in np.ndindex(counted.shape):
        keep = not masked or column >= rows or data["negative_rows"][column]
        if accidental and ids[column] == ids[row]:
            keep = False
        if known and ids[column] != ids[row]:
            keep &= not any(
                data["query_ids"][other] == data["query_ids"][row]
                and data["positive_rows"][other]
                and ids[other] == ids[column]
                for other in range(rows)
                if other != row
            )
        counted[row, column] = keep or row == column
    return counted


def plain_losses(queries, embeddings, counted, temperature=1.0, probability=None):
    """The definition, with every logit written out."""
    logits = ops.matmul(queries, ops.transpose(embeddings)) / temperature
    if probability is not None:
        logits = logits - np.log(np.clip(probability, 1e-6, 1.0))
    own = ops.eye(*counted.shape)
    logits = ops.where(ops.convert_to_tensor(counted), logits, -1e9)
    return ops.logsumexp(logits, axis=1) - ops.sum(own * logits, axis=1)


@pytest.mark.parametrize("extra", [False, True], ids=["", "extra"])
@pytest.mark.parametrize("known", [False, True], ids=["", "known"])
@pytest.mark.parametrize("accidental", [False, True], ids=["", "accidental"])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("corrected", [False, True], ids=["", "corrected"])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_every_combination_in_every_form_equals_the_plain_form(
    data, value_and_gradients, monkeypatch, temperature, corrected, masked, accidental, known, extra
):
    counted = counted_columns(data, extra, masked, accidental, known)
    ids = np.concatenate([data["ids"], data["extra_ids"]]) if extra else data["ids"]
    probability = data["probability"][ids] if corrected else None

    def plain(queries, table):
        losses = plain_losses(
            queries, ops.take(table, ids, axis=0), counted, temperature, probability
        )
        return ops.sum(data["weights"] * losses)

    expected = value_and_gradients(plain, data["queries"], data["table"])

    def ours(queries, table, num_candidates, row_weights):
        negatives = None
        if extra:
            negatives = ExtraNegatives(
                ops.take(table, data["extra_ids"], axis=0),
                ops.convert_to_tensor(data["extra_ids"]),
                ops.convert_to_tensor(probability[BATCH:]) if corrected else None,
            )
        losses = in_batch_softmax(
            queries,
            ops.take(table, data["ids"], axis=0),
            ops.convert_to_tensor(data["ids"]),
            temperature=temperature,
            sampling_probability=(
                ops.convert_to_tensor(probability[:BATCH]) if corrected else None
            ),
            negative_rows=ops.convert_to_tensor(data["negative_rows"]) if masked else None,
            remove_accidental_hits=accidental,
            query_ids=ops.convert_to_tensor(data["query_ids"]),
            positive_rows=ops.convert_to_tensor(data["positive_rows"]),
            remove_known_positives=known,
            extra=negatives,
            num_candidates=num_candidates,
            row_weights=row_weights,
        )
        assert tuple(losses.shape) == (BATCH,)
        return ops.sum(data["weights"] * losses)

    hints = itertools.cycle([None, 0.5 * data["weights"], np.ones(BATCH, "float32")])
    forms = itertools.product([None, CATALOGUE, 40], [None, 5])
    for (num_candidates, chunk), hint in zip(forms, hints, strict=False):
        with monkeypatch.context() as patch:
            if chunk:
                patch.setattr(chunked_softmax, "chunk_rows", lambda *_: 5)
            hint = None if hint is None else ops.convert_to_tensor(hint)
            found = value_and_gradients(
                lambda queries, table, n=num_candidates, w=hint: ours(queries, table, n, w),
                data["queries"],
                data["table"],
            )
        for ours_is, plain_is in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                ours_is, plain_is, rtol=1e-5, atol=1e-5, err_msg=f"{num_candidates} {chunk} {hint}"
            )
