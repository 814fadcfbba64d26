"""What is judged by never reaches what is learned."""

import keras
import numpy as np
import pytest
from keras import ops
from shop import make_shop, shop_rows

import mtframework as mtf
from mtframework.data.splits import hold_out
from mtframework.training.train import batches_of

ROWS = shop_rows(500, seed=4)
TIMES = np.random.default_rng(5).permutation(500)


def made_of(train: np.ndarray, test: np.ndarray, rows=ROWS) -> mtf.Dataset:
    """Returns a shop with those rows to learn from and those to judge by."""
    return make_shop(
        **{
            split: {name: values[chosen] for name, values in rows.items()}
            for split, chosen in (("train", train), ("test", test))
        }
    )


def trained(data: mtf.Dataset) -> mtf.MultiTaskModel:
    """Returns a model with every way in which training rows are remembered."""
    keras.utils.set_random_seed(0)
    model = mtf.MultiTaskModel(
        [
            mtf.HistoryTower(
                "shopper", "product", "shopper", ["shopper"], label="stars", embedding_dim=8
            ),
            mtf.Tower("product", ["product"], embedding_dim=8),
        ],
        [
            mtf.Ranking(
                "rating", label="stars", hidden_units=[8], bilinear=True, start_at_mean=True
            ),
            mtf.Retrieval("find", query="shopper", candidate="product"),
        ],
    )
    model.adapt(data)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    model.fit(batches_of(model, data, "train", 100), epochs=10, verbose=0)
    return model


@pytest.fixture(scope="module")
def learned():
    data = made_of(np.arange(400), np.arange(400, 500))
    return trained(data), data


def test_test_rows_change_nothing_that_is_learned(learned):
    model, data = learned
    other = trained(make_shop(train=data.train, test=shop_rows(70, seed=6)))
    for weight, same in zip(model.weights, other.weights, strict=True):
        if "seed_generator" not in weight.path:
            np.testing.assert_array_equal(
                ops.convert_to_numpy(weight), ops.convert_to_numpy(same), weight.path
            )


def test_shuffled_test_labels_are_no_better_known_than_by_a_constant(learned):
    model, data = learned
    stars = data.test["stars"]
    known = ~np.isnan(stars)
    constant = np.sqrt(np.mean((stars[known] - np.nanmean(data.train["stars"])) ** 2))
    assert mtf.evaluate(model, data)["rating/rmse"] < 0.5 * constant  # there is much to learn
    shuffled = stars.copy()
    shuffled[known] = np.random.default_rng(7).permutation(stars[known])
    rmse = mtf.evaluate(model, make_shop(train=data.train, test={**data.test, "stars": shuffled}))
    assert rmse["rating/rmse"] > constant


def test_histories_hold_training_rows_alone(learned):
    model, data = learned
    queries = model.vocabularies["shopper"].ids(data.test["shopper"])
    rows = model.catalogue.rows(model.vocabularies["product"].ids(data.test["product"]))
    pairs = set(zip(data.train["shopper"], data.train["product"], strict=True))
    for shopper, product, query, row in zip(
        data.test["shopper"], data.test["product"], queries, rows, strict=True
    ):
        assert (row in model.catalogue.seen(query)) == ((shopper, product) in pairs)


def test_temporal_split_never_learns_from_the_future():
    kept, held_out = hold_out("temporal", ROWS["shopper"], TIMES, 0.2, seed=0)
    assert TIMES[kept].max() < TIMES[held_out].min()
    data = made_of(kept, held_out)
    # Whatever comes later, the model learned before is the same.
    later = {name: values.copy() for name, values in ROWS.items()}
    later["stars"][held_out] = 1.0
    model, other = trained(data), trained(made_of(kept, held_out, later))
    queries = {"shopper": np.arange(20)}
    before, after = model.recommend(queries, 5), other.recommend(queries, 5)
    np.testing.assert_array_equal(before["product"], after["product"])
