"""Every combination of arguments, against the autodiff of a plain form."""

import keras
import numpy as np
import pytest
from keras import ops

from mtframework.errors import ModelError
from mtframework.losses import chunked_softmax
from mtframework.losses.in_batch_softmax import (
    ExtraNegatives,
    in_batch_softmax,
    mixed_sampling_probability,
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
        logits = logits - ops.convert_to_tensor(np.log(np.clip(probability, 1e-6, 1.0)))
    logits = ops.where(ops.convert_to_tensor(counted), logits, -1e9)
    own = ops.sum(ops.eye(*counted.shape) * logits, axis=1)
    return ops.logsumexp(logits, axis=1) - own


def weighted_sum(losses, weights):
    return ops.sum(ops.convert_to_tensor(weights) * losses)


def check(
    data,
    differentiate,
    patch,
    forms,
    corrected=False,
    masked=False,
    accidental=False,
    known=False,
    extra=False,
):
    """Compares loss and gradients with the plain form, in several forms of the same softmax."""
    counted = counted_columns(data, extra, masked, accidental, known)
    ids = np.concatenate([data["ids"], data["extra_ids"]]) if extra else data["ids"]
    probability = data["probability"][ids] if corrected else None

    def tensor(values, wanted=True):
        return ops.convert_to_tensor(values) if wanted else None

    def plain(queries, table, temperature):
        embeddings = ops.take(table, ids, axis=0)
        losses = plain_losses(queries, embeddings, counted, temperature, probability)
        return weighted_sum(losses, data["weights"])

    def ours(num_candidates, row_weights):
        def loss(queries, table, temperature):
            negatives = None
            if extra:
                negatives = ExtraNegatives(
                    ops.take(table, data["extra_ids"], axis=0),
                    tensor(data["extra_ids"]),
                    tensor(probability[BATCH:]) if corrected else None,
                )
            losses = in_batch_softmax(
                queries,
                ops.take(table, data["ids"], axis=0),
                tensor(data["ids"]),
                temperature=temperature,
                sampling_probability=tensor(probability[:BATCH]) if corrected else None,
                negative_rows=tensor(data["negative_rows"], masked),
                remove_accidental_hits=accidental,
                query_ids=tensor(data["query_ids"], known),
                positive_rows=tensor(data["positive_rows"], known),
                remove_known_positives=known,
                extra=negatives,
                num_candidates=num_candidates,
                row_weights=None if row_weights is None else tensor(row_weights),
            )
            assert tuple(losses.shape) == (BATCH,)
            return weighted_sum(losses, data["weights"])

        return loss

    hints = {None: None, "right": 3 * data["weights"], "wrong": data["probability"][:BATCH]}
    expect = differentiate(plain, 3)
    for num_candidates, chunk, hint in forms:
        with patch.context() as patched:
            if chunk:
                patched.setattr(chunked_softmax, "chunk_rows", lambda *_, chunk=chunk: chunk)
            find = differentiate(ours(num_candidates, hints[hint]), 3)
            for temperature in (1.0, 0.3):
                arrays = data["queries"], data["table"], np.float32(temperature)
                for found, expected in zip(find(*arrays), expect(*arrays), strict=True):
                    np.testing.assert_allclose(
                        found,
                        expected,
                        rtol=1e-5,
                        atol=1e-5,
                        err_msg=f"{num_candidates=} {chunk=} {hint=} {temperature=}",
                    )


@pytest.mark.parametrize("accidental", [False, True], ids=["", "accidental"])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("corrected", [False, True], ids=["", "corrected"])
def test_every_combination_equals_the_plain_form(
    data, differentiate, monkeypatch, corrected, masked, accidental
):
    forms = [
        (None, None, None),
        (None, 5, "right"),
        (CATALOGUE, None, "wrong"),
        (CATALOGUE, 5, None),
    ]
    check(data, differentiate, monkeypatch, forms, corrected, masked, accidental)


@pytest.mark.parametrize(
    ("known", "extra", "accidental"),
    [(True, False, False), (False, True, True), (True, True, False), (True, True, True)],
    ids=["known", "extra", "both", "both-accidental"],
)
def test_known_positives_and_extra_negatives_equal_the_plain_form(
    data, differentiate, monkeypatch, known, extra, accidental
):
    forms = [
        (None, 5, None),
        (CATALOGUE, None, "right"),
        (CATALOGUE, 4, "wrong"),
        (40, None, None),  # a catalogue larger than the batch
    ]
    check(data, differentiate, monkeypatch, forms, True, True, accidental, known, extra)


def test_known_positives_without_ids_are_told_apart_by_row():
    queries = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], "float32")
    candidates = np.array([[1.0, 2.0], [3.0, 1.0], [0.0, 2.0]], "float32")
    losses = in_batch_softmax(
        ops.convert_to_tensor(queries),
        ops.convert_to_tensor(candidates),
        query_ids=ops.convert_to_tensor([4, 4, 6]),
        remove_known_positives=True,
    )
    # Row 0 against columns 0, 2; row 1 against 1, 2; row 2 against all.
    expected = [
        np.log(np.exp(1) + np.exp(0)) - 1,
        np.log(np.exp(1) + np.exp(2)) - 1,
        np.log(np.exp(3) + np.exp(4) + np.exp(2)) - 2,
    ]
    np.testing.assert_allclose(ops.convert_to_numpy(losses), expected, rtol=1e-6)


@pytest.mark.parametrize("num_candidates", [None, CATALOGUE])
def test_hard_negatives_are_the_highest(data, value_and_gradients, num_candidates):
    logits = data["queries"] @ data["table"][data["ids"]].T
    counted = np.eye(BATCH, dtype=bool)
    for row in range(BATCH):
        others = [column for column in range(BATCH) if column != row]
        others.sort(key=lambda column, row=row: -logits[row, column])
        counted[row, others[:4]] = True

    def losses(function):
        return lambda queries, table: weighted_sum(
            function(queries, ops.take(table, data["ids"], axis=0)), data["weights"]
        )

    found = value_and_gradients(
        losses(
            lambda queries, candidates: in_batch_softmax(
                queries,
                candidates,
                ops.convert_to_tensor(data["ids"]),
                num_hard_negatives=4,
                num_candidates=num_candidates,
            )
        ),
        data["queries"],
        data["table"],
    )
    expected = value_and_gradients(
        losses(lambda queries, candidates: plain_losses(queries, candidates, counted)),
        data["queries"],
        data["table"],
    )
    for ours_is, plain_is in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours_is, plain_is, rtol=1e-5, atol=1e-5)


def test_equals_take_the_mean_of_their_ranks():
    """Four candidates, of which two are alike; the first stands in two rows."""
    table = np.array([[1.0], [1.0], [3.0], [0.5]], "float32")
    ids = np.array([0, 1, 0, 2, 3])
    for num_candidates in (None, 4):
        _, ranks = in_batch_softmax(
            ops.ones((5, 1)),
            ops.convert_to_tensor(table[ids]),
            ops.convert_to_tensor(ids),
            num_candidates=num_candidates,
            with_ranks=True,
        )
        assert ops.convert_to_numpy(ranks).tolist() == [1.5, 1.5, 1.5, 0.0, 3.0]


@pytest.mark.parametrize("num_candidates", [None, CATALOGUE, 40])
@pytest.mark.parametrize("chunk", [None, 5])
def test_ranks_count_the_different_candidates_that_score_higher(
    data, monkeypatch, num_candidates, chunk
):
    if chunk:
        monkeypatch.setattr(chunked_softmax, "chunk_rows", lambda *_: chunk)
    losses, ranks = in_batch_softmax(
        ops.convert_to_tensor(data["queries"]),
        ops.convert_to_tensor(data["table"][data["ids"]]),
        ops.convert_to_tensor(data["ids"]),
        num_candidates=num_candidates,
        with_ranks=True,
    )
    present = sorted(set(data["ids"].tolist()))
    scores = data["queries"].astype("float64") @ data["table"].astype("float64").T
    expected = [
        sum(scores[row, other] > scores[row, own] for other in present if other != own)
        for row, own in enumerate(data["ids"])
    ]
    assert ops.convert_to_numpy(ranks).tolist() == expected
    assert tuple(losses.shape) == (BATCH,)


@pytest.mark.parametrize("num_candidates", [CATALOGUE, 40])
def test_a_row_outside_the_catalogue_has_no_loss_and_is_no_negative(
    data, value_and_gradients, num_candidates
):
    ids = data["ids"].copy()
    ids[[2, 7]] = [-1, 1000]
    inside = np.delete(np.arange(BATCH), [2, 7])

    def ours(queries, candidates):
        losses = in_batch_softmax(
            queries, candidates, ops.convert_to_tensor(ids), num_candidates=num_candidates
        )
        return weighted_sum(losses, data["weights"])

    def plain(queries, candidates):
        losses = plain_losses(
            ops.take(queries, inside, axis=0),
            ops.take(candidates, inside, axis=0),
            np.ones((len(inside), len(inside)), bool),
        )
        return weighted_sum(losses, data["weights"][inside])

    candidates = data["table"][data["ids"]]
    found = value_and_gradients(ours, data["queries"], candidates)
    expected = value_and_gradients(plain, data["queries"], candidates)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-5)
    # A representative row may stand for its equals: the sums by candidate are what counts.
    for each in range(CATALOGUE):
        same = (ids == each).nonzero()[0]
        np.testing.assert_allclose(
            found[2][same].sum(0), expected[2][same].sum(0), rtol=1e-5, atol=1e-5
        )


def test_rows_without_negatives_have_loss_and_gradient_zero(data, value_and_gradients):
    def ours(queries, candidates):
        losses = in_batch_softmax(
            queries, candidates, negative_rows=ops.zeros((BATCH,), "bool"), temperature=0.01
        )
        return ops.sum(losses)

    found = value_and_gradients(ours, 100 * data["queries"], data["table"][:BATCH])
    for each in found:
        np.testing.assert_array_equal(each, np.zeros_like(each))


@pytest.mark.parametrize("num_candidates", [None, CATALOGUE])
def test_far_apart_logits_stay_finite(data, value_and_gradients, num_candidates):
    def ours(queries, table):
        losses = in_batch_softmax(
            queries,
            ops.take(table, data["ids"], axis=0),
            ops.convert_to_tensor(data["ids"]),
            num_candidates=num_candidates,
            negative_rows=ops.convert_to_tensor(data["negative_rows"]),
            sampling_probability=ops.zeros((BATCH,)),
        )
        return ops.sum(losses)

    def plain(queries, table):
        counted = counted_columns(data, False, True, False, False)
        candidates = ops.take(table, data["ids"], axis=0)
        return ops.sum(plain_losses(queries, candidates, counted))

    found = value_and_gradients(ours, 100 * data["queries"], data["table"])
    expected = value_and_gradients(plain, 100 * data["queries"], data["table"])
    for ours_is, plain_is in zip(found, expected, strict=True):
        assert np.isfinite(ours_is).all()
        np.testing.assert_allclose(ours_is, plain_is, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("hinted", [False, True], ids=["", "hinted"])
@pytest.mark.parametrize("num_candidates", [None, CATALOGUE, 40])
def test_compiled_with_chunks_it_gives_the_same(
    data, compiled_value_and_gradients, value_and_gradients, monkeypatch, num_candidates, hinted
):
    monkeypatch.setattr(chunked_softmax, "chunk_rows", lambda *_: 5)

    def ours(queries, table):
        weights = ops.convert_to_tensor(data["weights"])
        losses, ranks = in_batch_softmax(
            queries,
            ops.take(table, data["ids"], axis=0),
            ops.convert_to_tensor(data["ids"]),
            negative_rows=ops.convert_to_tensor(data["negative_rows"]),
            num_candidates=num_candidates,
            row_weights=weights if hinted else None,
            with_ranks=True,
        )
        return ops.sum(weights * losses) + ops.sum(ops.cast(ranks, "float32"))

    def plain(queries, table):
        candidates = ops.take(table, data["ids"], axis=0)
        counted = counted_columns(data, False, True, False, False)
        scores = ops.matmul(queries, ops.transpose(table))
        own = ops.sum(ops.one_hot(data["ids"], 40) * scores, axis=1)
        present = np.isin(np.arange(40), data["ids"]) & (np.arange(40) != data["ids"][:, None])
        higher = ops.where(ops.convert_to_tensor(present), scores > own[:, None], False)
        losses = plain_losses(queries, candidates, counted)
        return weighted_sum(losses, data["weights"]) + ops.sum(ops.cast(higher, "float32"))

    expected = value_and_gradients(plain, data["queries"], data["table"])
    for found in compiled_value_and_gradients(ours, data["queries"], data["table"]):
        for ours_is, plain_is in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours_is, plain_is, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_candidates", [None, CATALOGUE, 40])
def test_bfloat16_products_stay_close(data, num_candidates):
    queries, candidates = data["queries"], data["table"][data["ids"]]
    losses = in_batch_softmax(
        ops.cast(queries, "bfloat16"),
        ops.cast(candidates, "bfloat16"),
        ops.convert_to_tensor(data["ids"]),
        num_candidates=num_candidates,
    )
    rounded = [ops.cast(ops.cast(each, "bfloat16"), "float32") for each in (queries, candidates)]
    expected = plain_losses(*rounded, np.ones((BATCH, BATCH), bool))
    assert keras.backend.standardize_dtype(losses.dtype) == "float32"
    # The products of the rounded embeddings are exact, and so are their float32 sums.
    np.testing.assert_allclose(
        ops.convert_to_numpy(losses), ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-5
    )


def test_mixed_probability_is_the_share_of_draws():
    # 6 draws from a batch where the candidate has share 1/2, and 2 from 4 candidates alike.
    assert mixed_sampling_probability(0.5, 6, 2, 4) == (6 * 0.5 + 2 * 0.25) / 8


def test_an_empty_batch_has_no_losses():
    losses = in_batch_softmax(ops.zeros((0, 3)), ops.zeros((0, 3)))
    assert tuple(losses.shape) == (0,)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"temperature": 0}, "The temperature of the loss is 0"),
        ({"num_hard_negatives": 0}, "The loss has num_hard_negatives = 0"),
        ({"remove_accidental_hits": True}, "candidate_ids is missing"),
        ({"num_candidates": 5}, "candidate_ids is missing"),
        ({"remove_known_positives": True}, "query_ids is missing"),
        ({"negative_rows": np.ones(3, bool)}, "negative_rows 3"),
        ({"extra": ExtraNegatives(np.ones((2, 3)), np.ones(2))}, "ids is given only for"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(arguments, text):
    with pytest.raises(ModelError, match=text):
        in_batch_softmax(ops.zeros((4, 3)), ops.zeros((4, 3)), **arguments)
