"""Chains of tasks: what is trained, what is predicted, what is refused."""

import keras
import numpy as np
import pytest
from shop import make_shop, make_towers

import mtframework as mtf
from mtframework.errors import ModelError
from mtframework.schema.schema import Schema
from mtframework.training.train import batches_of

FUNNEL = ("click", "cart", "buy")


def funnel_rows(num_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Returns rows in which each step of the funnel needs the one before it."""
    draw = np.random.default_rng(seed)
    product = draw.integers(0, 30, num_rows)
    click = draw.random(num_rows) < np.where(product % 2, 0.8, 0.3)
    cart = click & (draw.random(num_rows) < np.where(product % 3, 0.7, 0.2))
    buy = cart & (draw.random(num_rows) < 0.5)
    return {
        "shopper": draw.integers(0, 20, num_rows),
        "product": np.array([f"product {each:02}" for each in product]),
        "click": click.astype("float32"),
        "cart": cart.astype("float32"),
        "buy": buy.astype("float32"),
    }


def make_funnel() -> mtf.Dataset:
    labels = tuple(mtf.Column(name, "numeric", "label") for name in FUNNEL)
    columns = (
        mtf.Column("shopper", "categorical", "query"),
        mtf.Column("product", "categorical", "candidate"),
    )
    return make_shop(
        schema=Schema((*columns, *labels), "shopper", "product"),
        train=funnel_rows(4000, seed=1),
        test=funnel_rows(4000, seed=2),
    )


def make_chain() -> list[mtf.Task]:
    return [
        mtf.BinaryFeedback("buy", label="buy", parent="cart"),
        mtf.BinaryFeedback("click", label="click"),
        mtf.BinaryFeedback("cart", label="cart", parent="click"),
    ]


@pytest.fixture(scope="module")
def trained() -> mtf.MultiTaskModel:
    keras.utils.set_random_seed(0)
    data = make_funnel()
    model = mtf.MultiTaskModel(make_towers(), make_chain())
    model.adapt(data)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    model.fit(batches_of(model, data, "train", 200), epochs=6, verbose=0)
    return model


def test_probability_of_a_chain_is_the_product_of_its_links(trained):
    rows = trained.encode({"shopper": [1, 2, 3], "product": ["product 01", "product 02", "x"]})
    scores = trained.predict(rows, verbose=0)
    cart = scores["click"] * scores["cart_given_click"]
    np.testing.assert_allclose(scores["cart"], cart, rtol=1e-5)
    np.testing.assert_allclose(scores["buy"], cart * scores["buy_given_cart"], rtol=1e-5)


def test_probabilities_approach_those_that_the_rows_were_drawn_with(trained):
    products = np.arange(30)
    rows = trained.encode(
        {"shopper": [0] * 30, "product": [f"product {each:02}" for each in products]}
    )
    scores = trained.predict(rows, verbose=0)
    truth = {
        "click": np.where(products % 2, 0.8, 0.3),
        "cart_given_click": np.where(products % 3, 0.7, 0.2),
        "buy_given_cart": np.full(30, 0.5),
    }
    for name, probability in truth.items():
        assert np.mean(np.abs(scores[name] - probability)) < 0.12, name


def test_chain_saves_and_recommends(trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.lineages["buy"] == ("click", "cart", "buy")
    best = again.recommend({"shopper": [3]}, k=4, task="buy", exclude_seen=False)
    rows = trained.encode({"shopper": [3] * 4, "product": best["product"][0]})
    expected = trained.predict(rows, verbose=0)["buy"]
    np.testing.assert_allclose(best["score"][0], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        (
            'parent = "clik", and there is no such task. Did you mean "click"?',
            [
                mtf.BinaryFeedback("click", label="click"),
                mtf.BinaryFeedback("cart", label="cart", parent="clik"),
            ],
        ),
        (
            'parent = "rate", which is a Ranking',
            [
                mtf.Ranking("rate", label="click"),
                mtf.BinaryFeedback("cart", label="cart", parent="rate"),
            ],
        ),
        (
            "The parents form a circle: a -> b -> a",
            [
                mtf.BinaryFeedback("a", label="click", parent="b"),
                mtf.BinaryFeedback("b", label="cart", parent="a"),
            ],
        ),
        (
            "The parents form a circle: a -> a",
            [mtf.BinaryFeedback("a", label="click", parent="a")],
        ),
    ],
)
def test_chain_is_refused(text, tasks):
    with pytest.raises(ModelError, match="fix: ") as raised:
        mtf.MultiTaskModel(make_towers(), tasks)
    assert text in str(raised.value)
