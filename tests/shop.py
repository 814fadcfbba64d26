"""A small data set of shoppers and products, and parts for a model of it."""

import numpy as np

import mtframework as mtf

SHOP_SCHEMA = mtf.Schema(
    columns=(
        mtf.Column("shopper", "categorical", "query"),
        mtf.Column("age", "numeric", "query"),
        mtf.Column("product", "categorical", "candidate"),
        mtf.Column("stars", "numeric", "label"),
        mtf.Column("bought", "numeric", "label"),
        mtf.Column("trust", "numeric", "weight"),
    ),
    query_key="shopper",
    candidate_key="product",
)


def shop_rows(num_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Returns rows of 20 shoppers and 30 products; a third of the stars are missing.

    Even shoppers look at the first half of the products, odd ones at the second; stars and
    purchases follow from the product.
    """
    draw = np.random.default_rng(seed)
    shopper = draw.integers(0, 20, num_rows)
    product = draw.integers(0, 15, num_rows) + 15 * (shopper % 2)
    stars = np.where(draw.random(num_rows) < 1 / 3, np.nan, 1 + product % 5)
    return {
        "shopper": shopper,
        "age": draw.normal(size=num_rows).astype("float32"),
        "product": np.array([f"product {i:02}" for i in product], dtype="<U10"),
        "stars": stars.astype("float32"),
        "bought": (product % 2).astype("float32"),
        "trust": draw.uniform(0.5, 2, num_rows).astype("float32"),
    }


def make_shop(**changes) -> mtf.Dataset:
    """Returns a small data set; `changes` replace arguments of `Dataset`."""
    arguments = {
        "schema": SHOP_SCHEMA,
        "train": shop_rows(400, seed=1),
        "test": shop_rows(100, seed=2),
        "catalogue": {"product": np.array([f"product {i:02}" for i in range(30)])},
        "name": "the shop",
    }
    return mtf.Dataset(**{**arguments, **changes})


def make_towers() -> list[mtf.Tower]:
    return [
        mtf.Tower("shopper", ["shopper"], embedding_dim=8),
        mtf.Tower("product", ["product"], embedding_dim=8),
    ]


def make_tasks() -> list[mtf.Task]:
    return [
        mtf.Ranking("rating", label="stars", hidden_units=[8], loss_weight=0.5),
        mtf.Retrieval("find", query="shopper", candidate="product"),
        mtf.BinaryFeedback("buy", label="bought", sample_weight="trust", hidden_units=[]),
    ]
