"""History towers against sums that NumPy takes over an explicit list of interactions."""

import keras
import numpy as np
import pytest
from keras import ops
from shop import make_shop, make_tasks

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.schema.catalogue import Catalogue
from mtframework.towers import interactions

USERS = np.array([1, 1, 1, 2, 2, 3, 1])
FILMS = np.array([4, 1, 3, 3, 2, 5, 4])  # user 1 has film 4 twice
STARS = np.array([5.0, 1.0, np.nan, 2.0, 4.0, 3.0, 3.0], "float32")
CATALOGUE = {"film": np.array([2, 5, 1, 4, 3])}  # a film's row is not its id


def numpy(tensor) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def make_tower(**arguments) -> mtf.HistoryTower:
    tower = mtf.HistoryTower("user", "film", "user", embedding_dim=3, **arguments)
    tower.build({"user": 5, "film": 6})
    catalogue = Catalogue.learn("film", CATALOGUE, USERS, FILMS, 5, {"stars": STARS})
    tower.use_catalogue(catalogue)
    for seed, variable in enumerate(tower.trainable_variables):
        variable.assign(np.random.default_rng(seed).normal(size=variable.shape))
    return tower


def pooled(tower, films: list[int], stars: list[float]) -> np.ndarray:
    """Returns what a history pools to, by the formula of the docstring."""
    if not films:
        return np.zeros(3)
    tables = {each.name: numpy(each).astype("float64") for each in tower.trainable_variables}
    vectors = tables["interactions"][films]
    if "deviations" in tables:
        vectors = vectors + np.array(stars)[:, None] * tables["deviations"][films]
    if tower.pooling == "attention":
        scores = 4 * np.tanh(tables["interactions"][films] @ tables["attention"])
        weights = np.exp(scores) / np.exp(scores).sum()
        return weights @ vectors
    divisor = {"sum": 1, "mean": len(films), "sqrtn": len(films) ** 0.5}[tower.pooling]
    return vectors.sum(0) / divisor


# Stars less the mean of those known of each pair: user 1 gave film 4 the stars 5 and 3, hence 4.
MEAN = (4 + 1 + 2 + 4 + 3) / 5
HISTORIES = {1: {4: 4 - MEAN, 1: 1 - MEAN, 3: 0.0}, 2: {3: 2 - MEAN, 2: 4 - MEAN}, 3: {5: 3 - MEAN}}


@pytest.fixture(params=["dense", "sparse"])
def form(request, monkeypatch):
    """Which form interactions have; the other one is for larger data."""
    if request.param == "sparse":
        monkeypatch.setattr(interactions, "MOST_DENSE_PAIRS", 0)
    return request.param


@pytest.mark.parametrize("label", [None, "stars"])
@pytest.mark.parametrize("pooling", ["sum", "mean", "sqrtn", "attention"])
def test_history_leaves_the_rows_candidate_out_in_training_alone(pooling, label, form):
    tower = make_tower(pooling=pooling, label=label)
    rows = [(1, 4), (1, 1), (1, 3), (1, 2), (2, 2), (2, 5), (3, 5), (4, 1), (0, 1)]
    users, films = np.array(rows).T
    features = {"user": users, "film": films}
    whole = numpy(tower(features, training=False))
    left = numpy(tower(features, training=True))
    for row, (user, film) in enumerate(rows):
        history = HISTORIES.get(user, {})
        rest = {other: stars for other, stars in history.items() if other != film}
        for found, expected in ((whole[row], history), (left[row], rest)):
            np.testing.assert_allclose(
                found, pooled(tower, list(expected), list(expected.values())), rtol=2e-4, atol=2e-4
            )


def test_a_candidates_vectors_never_reach_its_own_row(form):
    tower = make_tower(label="stars")
    assert type(tower.seen).__name__.lower().startswith(form)
    features = {"user": np.array([1, 3]), "film": np.array([4, 5])}
    before = numpy(tower(features, training=True))
    for table in tower.trainable_variables:
        table.assign(numpy(table) + np.eye(6)[[4, 5]].sum(0)[:, None])
    np.testing.assert_allclose(numpy(tower(features, training=True)), before, atol=1e-5)
    assert np.abs(numpy(tower(features, training=False)) - before).min() > 0.1


@pytest.mark.parametrize("pooling", ["sum", "sqrtn"])
def test_what_is_precomputed_is_everyones_history(pooling, form):
    tower = make_tower(pooling=pooling, label="stars")
    computed = tower.precompute()
    for user in range(5):
        history = HISTORIES.get(user, {})
        expected = pooled(tower, list(history), list(history.values()))
        np.testing.assert_allclose(computed[user], expected, rtol=2e-4, atol=2e-4)
    tower.precomputed = computed
    assert numpy(tower({"user": np.array([3, 1])})).tolist() == computed[[3, 1]].tolist()


@pytest.mark.parametrize(
    ("num_queries", "num_candidates", "num_met", "expected"),
    [
        (100, 50, 50, interactions.DenseInteractions),
        (100, 50, 49, interactions.SparseInteractions),  # too few of the pairs
        (8193, 1024, 100_000, interactions.SparseInteractions),  # too many pairs
    ],
)
def test_the_form_depends_on_how_many_pairs_met(num_queries, num_candidates, num_met, expected):
    queries, candidates = np.divmod(np.arange(num_met), num_candidates)
    offsets = np.searchsorted(queries, np.arange(num_queries + 1))
    deviations = np.zeros(num_met)
    found = interactions.interactions_of(offsets, queries, candidates, deviations, num_candidates)
    assert type(found) is expected


def test_features_are_added():
    tower = make_tower(features=["user"])
    users, films = numpy(tower.profile.trainable_variables[0]), numpy(tower.interactions)
    found = numpy(tower({"user": np.array([3])}))
    np.testing.assert_allclose(found[0], users[3] + films[5], rtol=1e-5)


def test_features_are_added_to_each_other():
    tower = mtf.HistoryTower(
        "user", "film", "user", ["user", mtf.Bucketed("age", 2)], embedding_dim=3, combiner="sum"
    )
    tower.build({"user": 5, "film": 6, "age": None})
    tower.use_catalogue(Catalogue.learn("film", CATALOGUE, USERS * 0, FILMS, 5))
    ages, users = sorted(map(numpy, tower.profile.trainable_variables), key=len)
    found = numpy(tower({"user": np.array([3]), "age": np.ones(1, "float32")}))
    np.testing.assert_allclose(found[0], users[3] + ages[1], rtol=1e-5)


def test_nobody_has_a_history():
    tower = mtf.HistoryTower("user", "film", "user", embedding_dim=3)
    tower.build({"user": 5, "film": 6})
    tower.use_catalogue(Catalogue.learn("film", CATALOGUE, USERS * 0, FILMS, 5))
    assert not numpy(tower({"user": np.array([0, 1]), "film": FILMS[:2]}, training=True)).any()


def shop_model(shop, **arguments) -> mtf.MultiTaskModel:
    keras.utils.set_random_seed(0)
    tower = mtf.HistoryTower("shopper", "product", "shopper", embedding_dim=8, **arguments)
    product = mtf.Tower("product", ["product"], embedding_dim=8)
    model = mtf.MultiTaskModel([tower, product], make_tasks())
    model.adapt(shop)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def test_model_trains_saves_and_recommends(tmp_path):
    shop = make_shop()
    model = shop_model(
        shop, features=["shopper", "age"], pooling="attention", label="stars", l2=0.1
    )
    columns = shop.encode(shop.train)
    batches = mtf.Batches(
        columns, model.feature_columns, model.label_columns, model.sample_weight_columns, 100
    )
    losses = model.fit(batches, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    model.save(tmp_path / "model.keras")
    again = mtf.load_model(tmp_path / "model.keras")
    queries = {"shopper": np.array([3, 8, 99]), "age": np.zeros(3, "float32")}  # 99 is unknown
    before, after = model.recommend(queries, 5), again.recommend(queries, 5)
    np.testing.assert_array_equal(before["product"], after["product"])
    np.testing.assert_allclose(before["score"], after["score"], rtol=1e-5)
    assert mtf.evaluate(again, shop) == pytest.approx(mtf.evaluate(model, shop), rel=1e-4)


def test_configuration_round_trips():
    tower = mtf.HistoryTower(
        "u", "film", "user", ["user", "age"], "mean", "stars", 8, [4], 0.2, 0.1, "sum"
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tower))
    assert again.get_config() == tower.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": ""}, "key = ''.*data set's query key"),
        ({"history": None}, "history = None.*data set's candidate key"),
        ({"pooling": "attentoin"}, '(?s)pooling = .attentoin.*Did you mean "attention"'),
        ({"features": "user"}, "features = 'user'"),
    ],
)
def test_tower_refuses(arguments, message):
    with pytest.raises(ModelError, match=f"(?s){message}"):
        mtf.HistoryTower(**{"name": "user", "history": "film", "key": "user", **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"history": "shopper"}, ModelError, '"product", the data set\'s candidate key'),
        ({"key": "shoper"}, DataError, 'Did you mean "shopper"'),
        ({"label": "product"}, ModelError, "A numeric column"),
    ],
)
def test_data_set_must_fit(arguments, error, message):
    wanted = {"history": "product", "key": "shopper", **arguments}
    tower = mtf.HistoryTower("shopper", embedding_dim=8, **wanted)
    with pytest.raises(error, match=message):
        tower.check(make_shop().schema)
