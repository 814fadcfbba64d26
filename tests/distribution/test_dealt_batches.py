"""Shares of batches, and rows that only fill a batch up."""

import keras
import numpy as np
import pytest
from shop import make_shop, make_towers, shop_rows

import mtframework as mtf
from mtframework.errors import DataError
from mtframework.training.distribution.dealt_batches import DealtBatches


def seven(**changes) -> mtf.Batches:
    columns = {"user": np.arange(7), "stars": np.arange(7.0), "trust": np.ones(7)}
    return mtf.Batches(columns, ["user"], ["stars"], ["trust"], 4, **{"shuffle": False, **changes})


def users(batches) -> list[list[int]]:
    return [batches[number][0]["user"].tolist() for number in range(len(batches))]


def test_shares_of_all_processes_are_the_batch():
    shares = [DealtBatches(seven(), 4, 2, number, fills_up=True) for number in (0, 1)]
    assert [users(each) for each in shares] == [[[0, 1], [4, 5]], [[2, 3], [6, 6]]]
    features, labels, weights = shares[1][1]
    assert features["!rows"].shape == (3, 0)  # of the whole batch
    assert labels["stars"].tolist() == [6, 6]
    assert weights["trust"].tolist() == [1, 1]


def test_training_leaves_out_the_rows_that_are_left_over():
    dealt = DealtBatches(seven(), 2)
    assert users(dealt) == [[0, 1, 2, 3], [4, 5]]
    assert dealt.num_left_out == 1
    dealt = DealtBatches(seven(), 4)
    assert users(dealt) == [[0, 1, 2, 3]]
    assert dealt.num_left_out == 3


def test_all_processes_have_the_order_of_the_batches():
    whole, dealt = seven(shuffle=True), DealtBatches(seven(shuffle=True), 2, 2, 1)
    for batches in (whole, dealt):
        batches.on_epoch_end()
    assert dealt.position == whole.position == 2
    assert users(dealt) == [users(whole)[0][2:], users(whole)[1][1:2]]
    dealt.go_to(1)
    assert users(dealt)[0] == users(seven(shuffle=True))[0][2:]


def test_a_batch_that_devices_cannot_share_is_refused():
    told = r"batch_size is 4, and 3 devices .*\n.*multiple of 3\.\n.*batch_size to 6\."
    with pytest.raises(DataError, match=told):
        DealtBatches(seven(), 3)
    few = mtf.Batches({"user": np.arange(7)}, ["user"], batch_size=8)
    with pytest.raises(DataError, match="There are 7 rows for 8 devices"):
        DealtBatches(few, 8)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_hard_negatives": 3},
        {"remove_accidental_hits": True},
        {"remove_known_positives": True, "training_top_k": [1, 3]},
        {"label": "bought", "negative_rows": "positives", "reduction": "sum"},
    ],
    ids=lambda changes: "-".join(map(str, changes)),
)
def test_rows_that_fill_a_batch_up_count_for_nothing(changes):
    shop = make_shop(validation=shop_rows(13, seed=3))
    find = mtf.Retrieval("find", query="shopper", candidate="product", **changes)
    rating = mtf.Ranking("rating", label="stars", sample_weight="trust", hidden_units=[4])
    keras.utils.set_random_seed(0)
    model = mtf.MultiTaskModel(make_towers(), [rating, find])
    model.adapt(shop)
    model.compile()
    batches = mtf.batches_of(model, shop, "validation", 8, shuffle=False)  # 8 rows, and 5
    expected = model.evaluate(batches, verbose=0, return_dict=True)
    found = model.evaluate(DealtBatches(batches, 8, fills_up=True), verbose=0, return_dict=True)
    assert expected["find/loss"] > 0
    assert found == pytest.approx(expected, rel=1e-5)
