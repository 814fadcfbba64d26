"""Ranking by pairs and by lists, against loops and against keras-rs."""

import keras_rs
import numpy as np
import pytest
from conftest import losses_and_gradients
from keras import ops
from mtf_feedback import ListwiseRanking, PairwiseRanking

import mtframework as mtf

BATCH = 12
PAIR_LOSSES = {
    "logistic": lambda d: np.log1p(np.exp(-d)),
    "hinge": lambda d: np.maximum(0, 1 - d),
    "soft_zero_one": lambda d: 1 / (1 + np.exp(d)),
}
KERAS_RS = {
    "logistic": keras_rs.losses.PairwiseLogisticLoss,
    "hinge": keras_rs.losses.PairwiseHingeLoss,
    "soft_zero_one": keras_rs.losses.PairwiseSoftZeroOneLoss,
}


def made(kind, **arguments):
    return kind("order", label="stars", query="user", **arguments)


def inputs_of(query_ids, valid=None, row_weights=None):
    return {
        "ids": {"user": ops.convert_to_tensor(np.asarray(query_ids))},
        "valid": None if valid is None else ops.convert_to_tensor(valid),
        "row_weights": None if row_weights is None else ops.convert_to_tensor(row_weights),
    }


@pytest.fixture
def batch():
    draw = np.random.default_rng(0)
    return {
        "ids": draw.integers(0, 3, BATCH),
        "labels": draw.integers(-1, 4, BATCH).astype("float32"),
        "scores": draw.normal(size=BATCH).astype("float32"),
        "valid": draw.random(BATCH) < 0.8,
        "weights": draw.uniform(0.5, 2, BATCH).astype("float32"),
    }


def mates(batch, i):
    return [
        j
        for j in range(BATCH)
        if j != i and batch["valid"][i] and batch["valid"][j] and batch["ids"][i] == batch["ids"][j]
    ]


def weighted_mean(losses, batch):
    """The model's reduction."""
    return np.average(losses, weights=np.where(batch["valid"], batch["weights"], 0))


def losses_of(task, batch):
    weights = np.where(batch["valid"], batch["weights"], 0).astype("float32")
    inputs = inputs_of(batch["ids"], batch["valid"], weights)
    return losses_and_gradients(task, batch["labels"], batch["scores"], inputs)


@pytest.mark.parametrize("loss", PAIR_LOSSES)
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_pairs_by_a_loop(loss, temperature, batch):
    scores, means, weights = batch["scores"], [], []
    for i in range(BATCH):
        lower = [j for j in mates(batch, i) if batch["labels"][j] < batch["labels"][i]]
        if lower:
            pairs = [PAIR_LOSSES[loss]((scores[i] - scores[j]) / temperature) for j in lower]
            means.append(np.mean(pairs))
            weights.append(batch["weights"][i])
    losses, _ = losses_of(made(PairwiseRanking, loss=loss, temperature=temperature), batch)
    expected = np.average(means, weights=weights)
    assert weighted_mean(losses, batch) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_lists_by_a_loop(temperature, batch):
    scores, terms, weights = batch["scores"] / temperature, [], []
    for i in range(BATCH):
        left = [j for j in mates(batch, i) if batch["labels"][j] <= batch["labels"][i]]
        if left:
            terms.append(np.log(np.exp(scores[[i, *left]]).sum()) - scores[i])
            weights.append(batch["weights"][i])
    losses, _ = losses_of(made(ListwiseRanking, temperature=temperature), batch)
    expected = np.average(terms, weights=weights)
    assert weighted_mean(losses, batch) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", KERAS_RS)
def test_pairs_of_one_query_are_those_of_keras_rs(loss):
    labels, scores = [3.0, 1.0, 0.0, 2.0], [0.1, 0.7, -0.4, 1.5]
    ours, _ = losses_and_gradients(
        made(PairwiseRanking, loss=loss), labels, scores, inputs_of([5, 5, 5, 5])
    )
    theirs = KERAS_RS[loss](reduction=None)(np.array([labels]), np.array([scores]))
    # They sum over the pairs of a row, of which there are 3, 1, 0 and 2; the last but one does not
    # count here, which the others make up for by 4 / 3.
    expected = ops.convert_to_numpy(theirs)[0] / [3, 1, 1, 2] * 4 / 3
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_lists_without_ties_are_those_of_keras_rs():
    labels, scores = [3.0, 1.0, 0.0, 2.0], [0.1, 0.7, -0.4, 1.5]
    ours, _ = losses_and_gradients(made(ListwiseRanking), labels, scores, inputs_of([5, 5, 5, 5]))
    theirs = keras_rs.losses.ListMLELoss(reduction=None)(np.array([labels]), np.array([scores]))
    assert ours.sum() * 3 / 4 == pytest.approx(float(theirs[0]), rel=1e-5)


def test_scores_far_apart_are_right_here():
    # The lower row comes last and certainly: its own term is 0, and the other's as well. keras-rs
    # adds 1e-10 to the softmax's denominator and gives the lower row 30 − 23.
    labels, scores = [1.0, 0.0], [0.0, -30.0]
    losses, _ = losses_and_gradients(made(ListwiseRanking), labels, scores, inputs_of([5, 5]))
    np.testing.assert_allclose(losses, [0, 0], atol=1e-6)


@pytest.mark.parametrize("kind", [PairwiseRanking, ListwiseRanking])
def test_rows_that_do_not_count_change_nothing(kind, batch):
    task = made(kind)
    losses, gradients = losses_of(task, batch)
    changed = {
        **batch,
        "scores": np.where(batch["valid"], batch["scores"], 9.0),
        "labels": np.where(batch["valid"], batch["labels"], 0.0),
    }
    losses_changed, _ = losses_of(task, changed)
    np.testing.assert_allclose(losses_changed[batch["valid"]], losses[batch["valid"]], rtol=1e-6)
    assert (gradients[~batch["valid"]] == 0).all()


@pytest.mark.parametrize("kind", [PairwiseRanking, ListwiseRanking])
def test_the_order_of_the_batch_does_not_matter(kind, batch):
    moved = np.random.default_rng(1).permutation(BATCH)
    losses, gradients = losses_of(made(kind), batch)
    again, gradients_again = losses_of(made(kind), {key: v[moved] for key, v in batch.items()})
    np.testing.assert_allclose(again, losses[moved], rtol=1e-5)
    np.testing.assert_allclose(gradients_again, gradients[moved], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [PairwiseRanking, ListwiseRanking])
def test_steps_down_the_gradient_part_equal_scores(kind):
    scores = np.zeros(3)
    for _ in range(200):
        _, gradients = losses_and_gradients(made(kind), [0, 1, 2], scores, inputs_of([1, 1, 1]))
        scores = scores - 0.1 * gradients
    assert scores[0] < scores[1] < scores[2]


@pytest.mark.parametrize("kind", [PairwiseRanking, ListwiseRanking])
def test_what_makes_no_sense_is_refused(kind):
    for argument, value in (("temperature", 0.0), ("max_peers", 0)):
        with pytest.raises(
            mtf.MtframeworkError, match=f'{argument} (of the task "order" is|=) {value}'
        ):
            made(kind, **{argument: value})
    with pytest.raises(mtf.MtframeworkError, match='query = "user", and there is no such tower'):
        made(kind).reads(("reader", "page"))
    with pytest.raises(mtf.MtframeworkError, match="has no label"):
        kind("order")


def test_other_pair_losses_are_refused():
    with pytest.raises(mtf.MtframeworkError, match="loss = 'hing'") as raised:
        made(PairwiseRanking, loss="hing")
    expected = 'One of "hinge", "logistic", "soft_zero_one". Did you mean "hinge"?'
    assert raised.value.expected == expected
