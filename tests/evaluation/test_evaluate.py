"""Metrics of a trained model against sums over rows, written out."""

import keras
import numpy as np
import pytest
from keras import ops
from shop import make_shop, make_tasks, make_towers, shop_rows
from sklearn.metrics import ndcg_score
from who_what_when import SCHEMA

import mtframework as mtf
from mtframework.training.train import batches_of


@pytest.fixture(scope="module")
def trained():
    shop = make_shop()
    keras.utils.set_random_seed(0)
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    model.adapt(shop)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    model.fit(batches_of(model, shop, "train", 80), epochs=3, verbose=0)
    return model


def test_rating_metrics_are_those_of_the_rows_with_a_label(trained, shop):
    rows = trained.encode({"shopper": shop.test["shopper"], "product": shop.test["product"]})
    predicted = trained.predict(rows, verbose=0)["rating"]
    errors = (predicted - shop.test["stars"])[~np.isnan(shop.test["stars"])]
    results = mtf.evaluate(trained, shop)
    assert results["rating/rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5)
    assert results["rating/mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)


def test_top_k_is_a_count_over_sorted_scores(trained, shop):
    tables = {
        name: ops.convert_to_numpy(tower.encoder.parts[0].embedding.embeddings).astype("float64")
        for name, tower in trained.towers.items()
    }
    products = shop.catalogue["product"]
    of_catalogue = tables["product"][trained.vocabularies["product"].ids(products)]
    hits = {"": 0, "_filtered": 0}
    for shopper, product in zip(shop.test["shopper"], shop.test["product"], strict=True):
        query = tables["shopper"][trained.vocabularies["shopper"].ids([shopper])[0]]
        best = products[np.argsort(-(of_catalogue @ query))].tolist()
        seen = set(shop.train["product"][shop.train["shopper"] == shopper]) - {product}
        hits[""] += product in best[:5]
        hits["_filtered"] += product in [each for each in best if each not in seen][:5]
    results = mtf.evaluate(trained, shop, top_k=[5, 1000])
    for suffix, count in hits.items():
        assert results[f"find/top_5{suffix}"] == pytest.approx(count / 100)
    assert "find/top_1000" not in results


def test_training_weights_do_not_weigh_metrics_but_zero_leaves_a_row_out(trained, shop):
    ones = make_shop(test={**shop.test, "trust": np.ones(100, "float32")})
    assert mtf.evaluate(trained, shop)["buy/auc"] == mtf.evaluate(trained, ones)["buy/auc"]
    some = np.arange(100) % 3 > 0
    left = make_shop(test={name: values[some] for name, values in ones.test.items()})
    zeros = make_shop(test={**shop.test, "trust": some.astype("float32")})
    assert mtf.evaluate(trained, zeros)["buy/auc"] == mtf.evaluate(trained, left)["buy/auc"]


def test_auc_of_one_class_is_left_out_and_said(trained, shop):
    found = mtf.evaluate(trained, make_shop(test={**shop.test, "bought": np.ones(100, "float32")}))
    assert "buy/auc" not in found
    assert "buy/auc is undefined: all labels are the same." in found.notes


def test_task_without_a_label_in_the_split_is_left_out(trained):
    rows = shop_rows(50, seed=9)
    rows["stars"][:] = np.nan
    results = mtf.evaluate(trained, make_shop(test=rows))
    assert not [name for name in results if name.startswith("rating/")]
    assert results["find/top_10"] > 0


def test_data_that_have_grown_do_not_shift_the_ids(trained, shop):
    grown = {"product": np.concatenate([["a new one"], shop.catalogue["product"]])}
    expected = mtf.evaluate(trained, shop)
    assert mtf.evaluate(trained, make_shop(catalogue=grown)) == expected


def test_rows_of_weight_zero_do_not_count(trained, shop):
    data = make_shop(test={**shop.test, "trust": np.zeros(100, "float32")})
    assert not [name for name in mtf.evaluate(trained, data) if name.startswith("buy/")]


def test_rows_of_a_query_count_together_by_its_first_list():
    """Whoever asks anew at each row may find each of them first, and not both first in one list."""
    draw = np.random.default_rng(4)

    def rows(people, num_rows, start):
        return {
            "who": draw.permutation(np.repeat(people, num_rows)),
            "what": draw.integers(0, 12, len(people) * num_rows),
            "when": start + np.arange(len(people) * num_rows),
        }

    data = mtf.Dataset(
        SCHEMA,
        train=rows(np.arange(20), 6, 0),
        test=rows(np.arange(17, 23), 5, 1000),  # three are new, each with a history of their own
        catalogue={"what": np.arange(12)},
    )
    model = mtf.MultiTaskModel(
        [
            mtf.SequenceTower("a", history="what", key="who", encoder=mtf.DecayedMean()),
            mtf.Tower("b", ["what"]),
        ],
        [mtf.Retrieval("find", query="a", candidate="b", seen="none")],
    )
    model.adapt(data)
    model.compile("adam")
    model.fit(batches_of(model, data, "train", batch_size=32), epochs=2, verbose=0)
    found = mtf.evaluate(model, data)
    relevant, scores = np.zeros((2, 6, 12))
    for row, person in enumerate(range(17, 23)):
        known = data.train["what"][data.train["who"] == person]
        answer = model.recommend({"history": [known.astype(str).tolist()]}, k=12)
        scores[row, answer["what"][0].astype(int)] = answer["score"][0]
        relevant[row, data.test["what"][data.test["who"] == person]] = 1
    assert found["find/ndcg_10_per_query"] == pytest.approx(ndcg_score(relevant, scores, k=10))
    hits = np.take_along_axis(relevant, np.argsort(-scores)[:, :10], 1).sum(1)
    recall = np.mean(hits / relevant.sum(1))
    assert found["find/recall_10_per_query"] == pytest.approx(recall)
