"""Tied histories against sums that NumPy takes over an explicit list of interactions."""

import keras
import numpy as np
import pytest
from keras import ops
from shop import make_shop

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.model.batches import batches_of
from mtframework.schema.catalogue import Catalogue
from mtframework.towers import interactions

USERS = np.array([1, 1, 1, 2, 2, 3, 1])
FILMS = np.array([4, 1, 3, 3, 2, 5, 4])  # user 1 has film 4 twice, once bought and once carted
LABELS = {
    "buy": np.array([1, 1, 0, 1, np.nan, 1, 0], "float32"),
    "cart": np.array([0, 1, 1, 1, 1, 0, 1], "float32"),
}
BOUGHT, CARTED = {1: [4, 1], 2: [3], 3: [5]}, {1: [1, 3, 4], 2: [3, 2]}
CATALOGUE = {"film": np.array([2, 5, 1, 4, 3])}  # a film's row is not its id
ROWS = [(1, 4), (1, 1), (1, 3), (1, 2), (2, 2), (2, 5), (3, 5), (4, 1), (0, 1)]


def numpy(tensor) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def make_tower(**arguments):
    tower = mtf.TiedHistoryTower("user", "film", "user", "film", embedding_dim=3, **arguments)
    film = mtf.Tower("film", ["film"], embedding_dim=3)
    tower.use_towers({"user": tower, "film": film})
    for each in (tower, film):
        each.build({"user": 5, "film": 6})
    tower.use_catalogue(Catalogue.learn("film", CATALOGUE, USERS, FILMS, 5, LABELS))
    return tower, film


@pytest.fixture(params=["dense", "sparse"])
def form(request, monkeypatch):
    if request.param == "sparse":
        monkeypatch.setattr(interactions, "MOST_DENSE_PAIRS", 0)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("keeps", [[], ["cart"], ["buy", "cart"]])
def test_each_kind_is_pooled_and_leaves_the_rows_candidate_out_unless_it_is_kept(keeps):
    tower, film = make_tower(kinds=["buy", "cart"], keeps=keeps)
    tower.scales.assign([2.0, -0.5])
    vectors = numpy(film({"film": np.arange(6)})).astype("float64")

    def pooled(kind, films):
        return vectors[films].sum(0) / (1 if kind in keeps else max(len(films), 1) ** 0.5)

    users, films = np.array(ROWS).T
    features = {"user": users, "film": films}
    whole = numpy(tower(features, training=False))
    left = numpy(tower(features, training=True))
    for row, (user, own) in enumerate(ROWS):
        kinds = {"buy": BOUGHT.get(user, []), "cart": CARTED.get(user, [])}
        rest = {
            kind: [each for each in has if each != own or kind in keeps]
            for kind, has in kinds.items()
        }
        for found, expected in ((whole[row], kinds), (left[row], rest)):
            by_hand = 2 * pooled("buy", expected["buy"]) - 0.5 * pooled("cart", expected["cart"])
            np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)


def test_without_kinds_a_history_is_everything():
    tower, film = make_tower()
    vectors = numpy(film({"film": np.arange(6)}))
    found = numpy(tower({"user": np.array([1, 2, 0])}))
    np.testing.assert_allclose(found[0], vectors[[1, 3, 4]].sum(0) / 3**0.5, rtol=1e-4)
    np.testing.assert_allclose(found[1], vectors[[2, 3]].sum(0) / 2**0.5, rtol=1e-4)
    assert not found[2].any()
    np.testing.assert_allclose(tower.precompute()[[1, 2, 0]], found, rtol=1e-5, atol=1e-6)


def test_a_kind_that_nobody_has_adds_nothing():
    tower, _ = make_tower(kinds=["buy"])
    nobody = dict.fromkeys(LABELS, np.zeros(7, "float32"))
    tower.use_catalogue(Catalogue.learn("film", CATALOGUE, USERS, FILMS, 5, nobody))
    assert not numpy(tower({"user": np.arange(5), "film": np.arange(1, 6)}, training=True)).any()


def shop_model(shop, **arguments):
    keras.utils.set_random_seed(0)
    user = mtf.TiedHistoryTower(
        "user", "product", "shopper", "product", embedding_dim=8, **arguments
    )
    pair = {"query": "user", "candidate": "product"}
    tasks = [
        mtf.Retrieval("every", candidate_bias=True, **pair),
        mtf.Retrieval("buys", label="bought", positive_from=1.0, **pair),
    ]
    model = mtf.MultiTaskModel([user, mtf.Tower("product", ["product"], embedding_dim=8)], tasks)
    model.adapt(shop)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    return model


def test_model_trains_saves_and_recommends(tmp_path):
    shop = make_shop()
    model = shop_model(shop, kinds=["bought", "stars"], keeps=["stars"], dropout=0.1)
    batches = batches_of(model, shop, "train", 100)
    losses = model.fit(batches, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert numpy(model.towers["user"].scales).tolist() != [1.0, 1.0]  # they learn
    model.save(tmp_path / "model.keras")
    again = mtf.load_model(tmp_path / "model.keras")
    queries = {"shopper": np.array([3, 8, 99])}  # 99 is unknown
    before, after = model.recommend(queries, 5), again.recommend(queries, 5)
    np.testing.assert_array_equal(before["product"], after["product"])
    np.testing.assert_allclose(before["score"], after["score"], rtol=1e-5)
    assert mtf.evaluate(again, shop) == pytest.approx(mtf.evaluate(model, shop), rel=1e-4)


def test_configuration_round_trips():
    tower = mtf.TiedHistoryTower("u", "film", "user", "item", ["buy", "cart"], ["cart"], 8, 0.2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tower))
    assert again.get_config() == tower.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": ""}, "key = ''.*data set's query key"),
        ({"history": None}, "history = None.*data set's candidate key"),
        ({"tied_to": ""}, "tied_to = ''.*name of the candidate tower"),
        ({"kinds": "buy"}, "kinds = 'buy'.*A list of labels"),
        ({"kinds": ["buy"], "keeps": ["cart"]}, r"keeps = \['cart'\].*Some of the kinds: \"buy\""),
    ],
)
def test_tower_refuses(arguments, message):
    wanted = {"name": "user", "history": "film", "key": "user", "tied_to": "film", **arguments}
    with pytest.raises(ModelError, match=f"(?s){message}"):
        mtf.TiedHistoryTower(**wanted)


@pytest.mark.parametrize(
    ("tied_to", "dim", "message"),
    [
        ("produkt", 8, 'tied_to = "?\'?produkt.*Did you mean "product"'),
        ("user", 8, "tied_to = 'user'"),
        ("product", 4, "embeddings of the size 8.*size 4"),
    ],
)
def test_candidate_tower_must_fit(tied_to, dim, message):
    user = mtf.TiedHistoryTower("user", "product", "shopper", tied_to, embedding_dim=dim)
    product = mtf.Tower("product", ["product"], embedding_dim=8)
    with pytest.raises(ModelError, match=f"(?s){message}"):
        mtf.MultiTaskModel([user, product], [mtf.Retrieval("x", query="user", candidate="product")])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"history": "shopper"}, ModelError, '"product".*data set\'s candidate key'),
        ({"key": "shoper"}, DataError, 'Did you mean "shopper"'),
        ({"kinds": ["product"]}, ModelError, "Numeric columns"),
    ],
)
def test_data_set_must_fit(arguments, error, message):
    wanted = {"history": "product", "key": "shopper", "tied_to": "product", **arguments}
    tower = mtf.TiedHistoryTower("shopper", embedding_dim=8, **wanted)
    with pytest.raises(error, match=f"(?s){message}"):
        tower.check(make_shop().schema)
