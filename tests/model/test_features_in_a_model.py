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
