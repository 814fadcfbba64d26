"""Several retrievals over two towers order one catalogue in several ways."""

import keras
import numpy as np
import pytest
from keras import ops
from shop import make_shop, make_towers

import mtframework as mtf
from mtframework.errors import ModelError

QUERIES = {"shopper": ["2", "3", "7"]}


def retrieval(name: str, **arguments) -> mtf.Retrieval:
    return mtf.Retrieval(name, query="shopper", candidate="product", **arguments)


def made(*tasks, **parts) -> mtf.MultiTaskModel:
    """Returns an adapted model in which every weight is told apart."""
    model = mtf.MultiTaskModel(make_towers(), list(tasks), **parts)
    model.adapt(make_shop())
    draw = np.random.default_rng(5)
    for weight in model.trainable_weights:
        if not weight.overwrite_with_gradient:
            weight.assign(draw.normal(size=weight.shape, scale=0.4))
    return model


def embeddings(model) -> tuple[np.ndarray, np.ndarray]:
    queries = model.embed(["shopper"], model.encode(QUERIES))["shopper"]
    catalogue = model.embed(["product"], model.catalogue.columns)["product"]
    return ops.convert_to_numpy(queries), ops.convert_to_numpy(catalogue)


def of_task(model, name: str) -> list[np.ndarray]:
    return [ops.convert_to_numpy(each) for each in model.tasks[name].trainable_weights]


def check_scores(model, name: str, expected: np.ndarray) -> None:
    """Checks every door: `expected` is `[num_queries, num_candidates]`."""
    k = expected.shape[1]
    ids = model.catalogue.columns["product"]
    names = model.vocabularies["product"].values(ids)
    order = np.argsort(-expected, axis=1)
    best = model.recommend(QUERIES, k, exclude_seen=False, task=name)
    np.testing.assert_array_equal(best["product"], names[order])
    np.testing.assert_allclose(
        best["score"], np.take_along_axis(expected, order, 1), rtol=1e-4, atol=1e-5
    )
    again = mtf.Recommender.by_task(model, name).recommend(QUERIES, k, exclude_seen=False)
    np.testing.assert_array_equal(again.ids, names[order])
    np.testing.assert_allclose(again.score, best["score"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(again.scores[name], best["score"], rtol=1e-4, atol=1e-5)
    pairs = model.encode(
        {"shopper": np.repeat(QUERIES["shopper"], k), "product": np.tile(names, len(expected))}
    )
    predicted = model.predict(pairs, verbose=0)[name].reshape(expected.shape)
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-5)


def test_a_network_of_its_own_moves_the_query():
    model = made(retrieval("view"), retrieval("buy", query_units=[3]))
    queries, catalogue = embeddings(model)
    check_scores(model, "view", queries @ catalogue.T)
    first, bias, last, last_bias = of_task(model, "buy")
    moved = queries + np.maximum(queries @ first + bias, 0) @ last + last_bias
    check_scores(model, "buy", moved @ catalogue.T)


def test_a_view_starts_where_another_one_is():
    model = made(
        retrieval("buy", query_units=(), start_from="cart"),
        retrieval("cart", query_units=(), candidate_bias=True, start_from="view"),
        retrieval("view"),
    )
    queries, catalogue = embeddings(model)
    of_candidate, weights, bias = of_task(model, "cart")
    cart = queries + queries @ weights + bias
    ids = model.catalogue.columns["product"]
    check_scores(model, "cart", cart @ catalogue.T + of_candidate[ids, 0])
    weights, bias = of_task(model, "buy")
    check_scores(model, "buy", (cart + cart @ weights + bias) @ catalogue.T)


def test_behind_a_sharing_layer_each_view_is_the_same_for_every_candidate():
    tasks = [retrieval("view"), retrieval("buy", candidate_bias=True)]
    ranking = mtf.Ranking("rating", label="stars", hidden_units=[])
    model = made(*tasks, ranking, sharing=mtf.SharedBottom([5]))
    queries, catalogue = embeddings(model)
    kernel, bias = (ops.convert_to_numpy(each) for each in model.sharing.trainable_weights)
    shared = np.maximum(queries @ kernel[:8] + bias, 0)  # the place of the product is zero
    weights, start = of_task(model, "view")
    check_scores(model, "view", (queries + shared @ weights + start) @ catalogue.T)
    by_shape = {each.shape: each for each in of_task(model, "buy")}
    moved = queries + shared @ by_shape[5, 8] + by_shape[8,]
    biases = by_shape[31, 1][model.catalogue.columns["product"], 0]
    check_scores(model, "buy", moved @ catalogue.T + biases)


SHARING = {
    "mmoe": lambda: mtf.MMoE(2, [4]),
    "cgc": lambda: mtf.CGC(1, 1, [4]),
    "ple": lambda: mtf.PLE(2, 1, 1, [4]),
    "cross_stitch": lambda: mtf.CrossStitch([4]),
    "private": lambda: mtf.PrivateTowers([4]),
}


@pytest.mark.parametrize("kind", SHARING)
def test_every_sharing_layer_tells_retrievals_apart_and_saves(kind, tmp_path):
    balancer = mtf.ProjectConflicting() if kind == "mmoe" else None
    tasks = [retrieval("view", label="bought"), retrieval("buy", label="bought", positive_from=1)]
    model = made(*tasks, sharing=SHARING[kind](), gradient_balancer=balancer)
    model.compile(keras.optimizers.Adam(0.01))
    data = make_shop()
    columns = model.feature_columns, model.label_columns
    model.fit(mtf.Batches(data.encode(data.train), *columns, batch_size=80), verbose=0)
    view, buy = (
        model.recommend(QUERIES, 30, exclude_seen=False, task=task) for task in ("view", "buy")
    )
    assert (view["product"] != buy["product"]).any()
    found = mtf.evaluate(model, data, top_k=[10])
    assert found["view/top_10"] != found["buy/top_10"]
    model.save(tmp_path / "model.keras")
    loaded = mtf.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.recommend(QUERIES, 30, exclude_seen=False, task="buy")["product"], buy["product"]
    )


class PlainSum(mtf.GradientBalancer):
    """Weighs every task alike."""

    def weigh(self, gram, state=None, prepared=None):
        return ops.ones((self.num_tasks,)), state


def test_a_cascade_behind_a_balancer_has_the_gradient_of_the_plain_sum():
    """The junction's copies change nothing where their gradients are added up."""
    data = make_shop()

    def trained(**parts):
        tasks = [
            retrieval("cart", query_units=(), candidate_bias=True),
            retrieval("buy", query_units=(), start_from="cart", label="bought", positive_from=1),
        ]
        model = made(*tasks, sharing=mtf.MMoE(2, [4]), **parts)
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        columns = model.feature_columns, model.label_columns
        rows = {name: each[:64] for name, each in data.encode(data.train).items()}
        model.fit(mtf.Batches(rows, *columns, batch_size=80, shuffle=False), verbose=0)
        return {each.path.split("/", 1)[1]: ops.convert_to_numpy(each) for each in model.weights
                if each.trainable and not each.overwrite_with_gradient}  # fmt: skip

    plain, copied = trained(), trained(gradient_balancer=PlainSum())
    for one, other in zip(plain.values(), copied.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_retrieval_that_shares_nothing_reads_the_tower():
    model = made(retrieval("view", shares_query=False), sharing=mtf.SharedBottom([5]))
    queries, catalogue = embeddings(model)
    check_scores(model, "view", queries @ catalogue.T)
    config = model.tasks["view"].get_config()
    before = {name: each for name, each in config.items() if name != "shares_query"}
    assert not mtf.Retrieval.from_config(before).shares_query  # of a model saved before there was


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([retrieval("buy", start_from="cart")], "there is no such task"),
        (
            [retrieval("buy", start_from="rate"), mtf.Ranking("rate", label="stars")],
            'does not retrieve by the tower "shopper"',
        ),
        (
            [retrieval("buy", start_from="cart"), retrieval("cart", start_from="buy")],
            "circle: buy -> cart -> buy",
        ),
    ],
    ids=["unknown", "no retrieval", "circle"],
)
def test_starts_that_cannot_be(tasks, said):
    with pytest.raises(ModelError, match=said):
        mtf.MultiTaskModel(make_towers(), tasks)


def test_biases_go_on_with_their_candidates():
    old = made(retrieval("buy", candidate_bias=True))
    products = np.array(["a lamp", *(f"product {i:02}" for i in range(30))])
    warm = mtf.WarmStart(old, tell=lambda sentence: None)
    model = mtf.MultiTaskModel(make_towers(), [retrieval("buy", candidate_bias=True)])
    model.adapt(warm.grow(make_shop(catalogue={"product": products})))
    warm.restore(model)
    ids = [each.vocabularies["product"].ids(["product 07"]) for each in (old, model)]
    biases = [
        each.tasks["buy"].candidate_biases(i) for each, i in zip((old, model), ids, strict=True)
    ]
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, biases))
    lamp = model.tasks["buy"].candidate_biases(model.vocabularies["product"].ids(["a lamp"]))
    assert ops.convert_to_numpy(lamp) == 0.0
