"""A shop with every kind of column, a model of it with every kind of task, and its answers."""

import numpy as np

import mtframework as mtf

SCHEMA = mtf.Schema(
    columns=(
        mtf.Column("shopper", "categorical", "query"),
        mtf.Column("age", "numeric", "query"),
        mtf.Column("interests", "multi_categorical", "query"),
        mtf.Column("when", "numeric", "timestamp"),
        mtf.Column("product", "categorical", "candidate"),
        mtf.Column("brand", "categorical", "candidate"),
        mtf.Column("tags", "multi_categorical", "candidate"),
        mtf.Column("price", "numeric", "candidate"),
        mtf.Column("stars", "numeric", "label"),
        mtf.Column("clicked", "numeric", "label"),
        mtf.Column("bought", "numeric", "label"),
    ),
    query_key="shopper",
    candidate_key="product",
)
NUM_SHOPPERS, NUM_PRODUCTS = 12, 25
KINDS = np.array(["tea", "tools", "toys", "ties"])


def several_kinds(draw, num_rows) -> np.ndarray:
    """Returns a text a row with none to three kinds in it."""
    chosen = [draw.choice(KINDS, draw.integers(0, 4), replace=False) for _ in range(num_rows)]
    return np.array(["|".join(each) for each in chosen])


def make_catalogue() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    return {
        "product": np.array([f"product ä{i:02}" for i in range(NUM_PRODUCTS)]),
        "brand": np.array(["Acme", "Bolt", "Cusp"])[np.arange(NUM_PRODUCTS) % 3],
        "tags": several_kinds(draw, NUM_PRODUCTS),
        "price": draw.uniform(1, 9, NUM_PRODUCTS),
    }


def make_rows(num_rows: int, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    product = draw.integers(0, NUM_PRODUCTS, num_rows)
    return {
        "shopper": draw.integers(0, NUM_SHOPPERS, num_rows),
        "age": draw.normal(size=num_rows),
        "interests": several_kinds(draw, num_rows),
        "when": draw.integers(1_600_000_000, 1_700_000_000, num_rows),
        **{name: values[product] for name, values in make_catalogue().items()},
        "stars": draw.integers(1, 6, num_rows).astype("float64"),
        "clicked": draw.integers(0, 2, num_rows).astype("float64"),
        "bought": draw.integers(0, 2, num_rows).astype("float64"),
    }


def make_towers(candidate_features=None) -> list[mtf.Tower]:
    candidate = ["product", mtf.Hashed("brand", 5), "tags", mtf.Normalized("price")]
    query = [mtf.Hashed("shopper", num_buckets=7, num_hashes=2), mtf.Bucketed("age", 3)]
    query += ["interests", mtf.TimeOfDay("when"), mtf.Recency("when")]
    return [
        mtf.Tower("shopper", query, embedding_dim=6, hidden_units=[8]),
        mtf.Tower("product", candidate_features or candidate, embedding_dim=6, key="product"),
    ]  # fmt: skip


def make_tasks() -> list[mtf.Task]:
    return [
        mtf.Ranking("rating", label="stars", hidden_units=[5], bilinear=True),
        mtf.BinaryFeedback("click", label="clicked"),
        mtf.Retrieval("find", query="shopper", candidate="product"),
        mtf.BinaryFeedback("buy", label="bought", parent="click"),
    ]


def make_model(towers, tasks) -> mtf.MultiTaskModel:
    """Returns a model with weights as large as trained ones have."""
    model = mtf.MultiTaskModel(towers, tasks)
    model.adapt(mtf.Dataset(SCHEMA, make_rows(90, seed=1), make_rows(9, seed=2), make_catalogue()))
    draw = np.random.default_rng(3)
    for weights in model.trainable_variables:
        weights.assign(draw.normal(scale=0.7, size=weights.shape))
    return model


def scores_row_by_row(model, queries, catalogue) -> dict[str, np.ndarray]:
    """Returns `{task: [num_queries, num_candidates]}` of rows that hold query and candidate."""
    num_queries, size = len(queries["shopper"]), len(catalogue["product"])
    rows = {name: np.repeat(values, size) for name, values in queries.items()}
    rows |= {name: np.tile(values, num_queries) for name, values in catalogue.items()}
    predicted = model.predict(model.encode(rows), verbose=0)
    return {task: predicted[task].reshape(num_queries, size) for task in model.tasks}
