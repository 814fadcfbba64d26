import numpy as np
import pytest
from keras import ops

from mtframework.errors import ModelError
from mtframework.losses import chunked_softmax
from mtframework.losses.catalogue_softmax import catalogue_softmax

BATCH, SIZE, DIM = 11, 17, 4


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(5)
    return {
        "queries": random.normal(size=(BATCH, DIM)).astype("float32"),
        "catalogue": random.normal(size=(SIZE, DIM)).astype("float32"),
        "rows": random.integers(0, SIZE, BATCH).astype("int32"),
        "query_ids": random.integers(0, 3, BATCH).astype("int32"),
        "log_weights": random.normal(size=SIZE).astype("float32"),
        "weights": random.uniform(0.5, 2, BATCH).astype("float32"),
    }


@pytest.mark.parametrize("chunk", [None, 4])
@pytest.mark.parametrize("known", [False, True], ids=["", "known"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "log_weights"])
def test_it_equals_the_plain_form(data, value_and_gradients, monkeypatch, weighted, known, chunk):
    if chunk:
        monkeypatch.setattr(chunked_softmax, "chunk_rows", lambda *_: chunk)
    counted = np.ones((BATCH, SIZE), bool)
    for row in range(BATCH):
        for other in range(BATCH):
            if known and data["query_ids"][row] == data["query_ids"][other]:
                counted[row, data["rows"][other]] = False
        counted[row, data["rows"][row]] = True

    def plain(queries, catalogue):
        logits = ops.matmul(queries, ops.transpose(catalogue)) / 0.7
        if weighted:
            logits = logits + ops.convert_to_tensor(data["log_weights"])
        logits = ops.where(ops.convert_to_tensor(counted), logits, -1e9)
        own = ops.sum(ops.one_hot(data["rows"], SIZE) * logits, axis=1)
        losses = ops.logsumexp(logits, axis=1) - own
        return ops.sum(ops.convert_to_tensor(data["weights"]) * losses)

    def ours(queries, catalogue):
        losses = catalogue_softmax(
            queries,
            catalogue,
            ops.convert_to_tensor(data["rows"]),
            temperature=0.7,
            log_weights=ops.convert_to_tensor(data["log_weights"]) if weighted else None,
            query_ids=ops.convert_to_tensor(data["query_ids"]),
            remove_known_positives=known,
            row_weights=ops.convert_to_tensor(data["weights"]) if weighted else None,
        )
        return ops.sum(ops.convert_to_tensor(data["weights"]) * losses)

    found = value_and_gradients(ours, data["queries"], data["catalogue"])
    expected = value_and_gradients(plain, data["queries"], data["catalogue"])
    for ours_is, plain_is in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours_is, plain_is, rtol=1e-5, atol=1e-5)


def test_ranks_are_those_among_the_whole_catalogue(data):
    losses, ranks = catalogue_softmax(
        ops.convert_to_tensor(data["queries"]),
        ops.convert_to_tensor(data["catalogue"]),
        ops.convert_to_tensor(data["rows"]),
        log_weights=ops.convert_to_tensor(100 * data["log_weights"]),
        with_ranks=True,
    )
    scores = data["queries"].astype("float64") @ data["catalogue"].astype("float64").T
    order = (-scores).argsort(axis=1)
    expected = [order[row].tolist().index(own) for row, own in enumerate(data["rows"])]
    assert ops.convert_to_numpy(ranks).tolist() == expected
    assert tuple(losses.shape) == (BATCH,)


def test_a_row_outside_the_catalogue_has_loss_and_gradient_zero(data, value_and_gradients):
    rows = ops.convert_to_tensor(np.array([-1, SIZE], "int32"))

    def ours(queries, catalogue):
        return ops.sum(catalogue_softmax(queries, catalogue, rows))

    for each in value_and_gradients(ours, data["queries"][:2], data["catalogue"]):
        np.testing.assert_array_equal(each, np.zeros_like(each))


def test_arguments_that_do_not_fit_are_errors(data):
    with pytest.raises(ModelError, match="different numbers of rows"):
        catalogue_softmax(data["queries"], data["catalogue"], data["rows"][:3])
    with pytest.raises(ModelError, match="The temperature of the loss is -1"):
        catalogue_softmax(data["queries"], data["catalogue"], data["rows"], temperature=-1)
