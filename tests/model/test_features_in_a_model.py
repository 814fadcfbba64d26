"""A model with every kind of feature trains, saves, loads and serves."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf

SCHEMA = mtf.Schema(
    columns=(
        mtf.Column("reader", "categorical", "query"),
        mtf.Column("age", "numeric", "query"),
        mtf.Column("town", "categorical", "query"),
        mtf.Column("book", "categorical", "candidate"),
        mtf.Column("genres", "multi_categorical", "candidate"),
        mtf.Column("read_at", "numeric", "timestamp"),
        mtf.Column("stars", "numeric", "label"),
    ),
    query_key="reader",
    candidate_key="book",
)
GENRES = ["crime|modern", "crime", "", "space"]


def make_rows(num_rows: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(num_rows)
    reader, book = draw.integers(0, 12, num_rows), draw.integers(0, 9, num_rows)
    return {
        "reader": reader,
        "age": 20.0 + reader,
        "town": np.array([f"town {i % 5}" for i in reader]),
        "book": np.array([f"book {i}" for i in book]),
        "genres": np.array([GENRES[i % 4] for i in book]),
        "read_at": 1_700_000_000 + draw.integers(0, 10**7, num_rows),
        "stars": (1 + book % 5).astype("float32"),
    }


@pytest.fixture(scope="module")
def dataset() -> mtf.Dataset:
    books = np.arange(9)
    catalogue = {"book": [f"book {i}" for i in books], "genres": [GENRES[i % 4] for i in books]}
    return mtf.Dataset(SCHEMA, make_rows(200), make_rows(40), catalogue)


@pytest.fixture(scope="module")
def trained(dataset) -> mtf.MultiTaskModel:
    keras.utils.set_random_seed(0)
    reader = ["reader", mtf.Bucketed("age", 3, 2), mtf.Normalized("age"), mtf.Hashed("town", 4)]
    when = [mtf.Recency("read_at"), mtf.TimeOfDay("read_at"), mtf.DayOfWeek("read_at")]
    model = mtf.MultiTaskModel(
        towers=[
            mtf.Tower("reader", reader, 4, l2=0.01, cross_layers=1),
            mtf.Tower("book", ["book", "genres"], 4, l2=0.01),
            mtf.Tower("when", when, 4),
        ],
        tasks=[
            mtf.Ranking("rating", label="stars", hidden_units=[8]),
            mtf.Retrieval("find", query="reader", candidate="book"),
            mtf.Retrieval("all", query="reader", candidate="book", negatives="catalogue"),
            mtf.Retrieval("mixed", query="reader", candidate="book", num_uniform_negatives=3),
        ],
    )
    model.adapt(dataset)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    columns = model.feature_columns, model.label_columns
    model.fit(
        mtf.Batches(dataset.encode(dataset.train), *columns, batch_size=80), epochs=10, verbose=0
    )
    return model


def test_learns_and_judges(trained, dataset):
    metrics = mtf.evaluate(trained, dataset, top_k=[1])
    assert metrics["rating/rmse"] < dataset.test["stars"].std()
    assert 0 <= metrics["find/top_1"] <= 1


def test_a_loaded_model_knows_what_was_learned(trained, dataset, tmp_path):
    trained.save(tmp_path / "model.keras")
    loaded = mtf.load_model(tmp_path / "model.keras")
    rows = trained.encode(dataset.test)
    for name, values in trained.predict(rows, verbose=0).items():
        np.testing.assert_allclose(
            loaded.predict(loaded.encode(dataset.test), verbose=0)[name], values, rtol=1e-5
        )
    # What the features learned is of the training rows, by NumPy.
    age = dataset.train["age"]
    normalized = loaded.towers["reader"].encoder.parts[2]
    np.testing.assert_allclose(float(normalized.mean), age.mean(), rtol=1e-6)
    np.testing.assert_allclose(float(normalized.deviation), age.std(), rtol=1e-6)
    recency = loaded.towers["when"].encoder.parts[0]
    latest = ops.convert_to_numpy(recency.latest).astype("int64")
    assert latest[0] * 86_400 + latest[1] == dataset.train["read_at"].max()


def test_the_penalty_is_part_of_the_training_loss(trained, dataset):
    rows = dataset.encode(dataset.test)
    labels = {"stars": rows["stars"]}
    drawn = ops.convert_to_numpy(trained.seed_generator.state)

    def loss(training):
        trained.seed_generator.state.assign(drawn)  # the same uniform negatives
        outputs = trained(rows, training=training)
        return float(trained.compute_loss(rows, labels, outputs, training=training))

    with_penalty, judged = loss(True), loss(False)
    towers = [trained.towers[name] for name in ("reader", "book")]
    vectors = [
        ops.convert_to_numpy(part(rows[part.column]))
        for tower in towers
        for part in tower.encoder.parts
        if part.embedding is not None
    ]
    assert len(vectors) == 5
    expected = 0.01 * sum((each**2).sum(1).mean() for each in vectors)
    for tower in towers:
        tower.l2 = 0.0
    assert with_penalty - loss(True) == pytest.approx(expected, rel=1e-2)
    assert judged == pytest.approx(loss(False), rel=1e-6)


def test_a_combination_says_what_its_columns_do_not():
    """Stars follow from town and device together, and from neither of them alone."""
    columns = (*SCHEMA.columns, mtf.Column("device", "categorical", "query"))
    schema = mtf.Schema(columns, SCHEMA.query_key, SCHEMA.candidate_key)
    town, device = (np.tile([[0, 0, 1, 1], [0, 1, 0, 1]], 25)[i] for i in (0, 1))
    rows = {
        **make_rows(100),
        "town": np.array(["Bonn", "Rome"])[town],
        "device": np.array(["phone", "desk"])[device],
        "stars": (1.0 + 4 * (town ^ device)).astype("float32"),
    }
    catalogue = {"book": np.unique(rows["book"]), "genres": np.full(9, "crime")}
    dataset = mtf.Dataset(schema, rows, rows, catalogue)

    def rmse(features):
        keras.utils.set_random_seed(0)
        towers = [mtf.Tower("reader", features, 4), mtf.Tower("book", ["book"], 4)]
        rating = mtf.Ranking("rating", label="stars", hidden_units=[], start_at_mean=True)
        model = mtf.MultiTaskModel(towers, [rating])
        model.adapt(dataset)
        model.compile(keras.optimizers.Adam(0.1))
        model.fit(mtf.batches_of(model, dataset, "train", 50), epochs=12, verbose=0)
        return mtf.evaluate(model, dataset)["rating/rmse"]

    assert rmse(["town", "device"]) > 1.7  # 2.0 is the deviation of the stars
    assert rmse(["town", "device", mtf.Crossed(["town", "device"])]) < 0.5
