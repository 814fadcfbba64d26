"""A retrieval that an author writes is equal to the built-in one wherever retrievals count."""

import keras
import numpy as np
import pytest
from keras import ops
from sampled_bpr import SampledBPR
from shop import make_shop, make_towers

import mtframework as mtf
from mtframework.evaluation.baselines.judge import judge_baselines
from mtframework.evaluation.evaluate import metric_directions


@pytest.fixture(scope="module")
def shop():
    return make_shop()


@pytest.fixture(scope="module")
def trained(shop):
    keras.utils.set_random_seed(1)
    tasks = [
        mtf.Ranking("rating", label="stars", loss_weight=0.1),
        SampledBPR("find", query="shopper", candidate="product"),
    ]
    model = mtf.MultiTaskModel(make_towers(), tasks)
    model.adapt(shop)
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    columns = model.feature_columns, model.label_columns
    batches = mtf.Batches(shop.encode(shop.train), *columns, batch_size=80)
    model.fit(batches, epochs=15, verbose=0)
    return model


def test_it_is_judged_over_the_whole_catalogue(trained, shop):
    found = mtf.evaluate(trained, shop, top_k=[10])
    known = metric_directions(trained, [10])
    assert set(found) == {name for name in known if "_50_" not in name}  # there are 30 products
    assert found["find/top_10"] > 0.5  # 10 of 30 by chance; half of the products by what is known
    baselines = {each.experiment: each.metrics for each in judge_baselines(trained, shop)}
    assert "find/top_10" in baselines["popularity"]


def test_candidates_are_found_and_sorted_by_it(trained, tmp_path):
    queries = {"shopper": ["2", "3"]}
    best = trained.recommend(queries, k=5, exclude_seen=False)
    towers = trained.embed(["shopper"], trained.encode(queries))["shopper"]
    catalogue = trained.embed(["product"], trained.catalogue.columns)["product"]
    scores = ops.convert_to_numpy(towers) @ ops.convert_to_numpy(catalogue).T
    np.testing.assert_allclose(best["score"], -np.sort(-scores, axis=1)[:, :5], rtol=1e-4)
    again = mtf.Recommender(trained).recommend(queries, k=5, exclude_seen=False)
    np.testing.assert_array_equal(again.ids, best["product"])
    assert mtf.Recommender(trained).retrieval is trained.tasks["find"]
    trained.save(tmp_path / "model.keras")
    loaded = mtf.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.recommend(queries, k=5, exclude_seen=False)["product"], best["product"]
    )


def test_towers_of_other_keys_are_refused(shop):
    swapped = SampledBPR("find", query="product", candidate="shopper")
    model = mtf.MultiTaskModel(make_towers(), [swapped])
    with pytest.raises(mtf.MtframeworkError, match='query tower "product" of the task "find"'):
        model.adapt(shop)
