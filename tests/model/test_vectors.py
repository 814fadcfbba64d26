"""Columns of vectors: from arrays, lists and texts, in files and in a model."""

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.schema.encoding import encode_columns

IMAGE = mtf.Column("image", "vector", "candidate", size=3)
SCHEMA = mtf.Schema(
    (
        mtf.Column("user", "categorical", "query"),
        mtf.Column("film", "categorical", "candidate"),
        IMAGE,
        mtf.Column("stars", "numeric", "label"),
    ),
    query_key="user",
    candidate_key="film",
)


def encoded(values) -> np.ndarray:
    return encode_columns({"image": values}, SCHEMA, {})["image"]


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.5, 1, -2], [1e3, 0, 3]]),
        [[0.5, 1, -2], np.array([1e3, 0, 3])],
        ["0.5 1 -2", "[1e3, 0,3]"],
        np.array([" [0.5; 1;-2 ] ", "(1000 0 3)"]),
        pa.array([[0.5, 1, -2], [1000, 0, 3]], pa.list_(pa.float32())).to_numpy(False),
    ],
)
def test_a_vector_is_an_array_a_list_or_a_text(values):
    found = encoded(values)
    assert found.dtype == "float32"
    assert found.tolist() == [[0.5, 1.0, -2.0], [1000.0, 0.0, 3.0]]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["1 2 3", "1 2"], "The vector \"image\" is '1 2' in row 1."),
        (["1 2 red"], "The vector \"image\" is '1 2 red' in row 0."),
        ([[1, 2, 3], None], 'The vector "image" is None in row 1.'),
        (["1 2 nan"], 'The vector "image" is [1.0, 2.0, nan] in row 0.'),
        ([[1, 2, 1e39]], 'The vector "image" is [1.0, 2.0, 1e+39] in row 0.'),
        (np.zeros((5, 4)), 'The vectors "image" have 4 numbers.'),
    ],
)
def test_what_is_no_vector_is_refused(values, found):
    with pytest.raises(DataError) as raised:
        encoded(values)
    assert raised.value.found == found


def test_a_column_of_vectors_has_a_size_and_is_a_feature():
    for arguments in ({}, {"size": 0}, {"size": 2.5}):
        with pytest.raises(DataError, match='The vector column "image" has size'):
            mtf.Column("image", "vector", "candidate", **arguments)
    with pytest.raises(DataError, match='The numeric column "age" has size 3'):
        mtf.Column("age", "numeric", "query", size=3)
    with pytest.raises(DataError, match='of vectors has the role "label"'):
        mtf.Column("image", "vector", "label", size=3)
    with pytest.raises(ModelError) as raised:
        mtf.Tower("film", ["film", "image"]).check(SCHEMA)
    assert raised.value.fix == "Give the tower Vector, or name another column."


MEANINGS = {
    "user": "query key",
    "film": "candidate key",
    "image": "vector[3] candidate",
    "stars": "label",
}


def test_files_hold_vectors_as_texts_and_as_lists(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.normal(size=(40, 3)).round(3).tolist()
    images[7], images[8], images[9], images[12] = [1.0], None, [1.0, 2.0, float("inf")], images[3]
    rows = {"user": [f"u{i % 5}" for i in range(40)], "stars": draw.integers(1, 6, 40)}
    rows["film"] = [f"f{3 if i == 12 else i}" for i in range(40)]
    kinds = (pa.list_(pa.float64()), pa.large_list(pa.float32()))
    for number, kind in enumerate(kinds):
        table = pa.table({**rows, "image": pa.array(images, kind)})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    texts = ["" if each is None else " ".join(map(str, each)) for each in images]
    texts[0] = f'"{images[0]}"'
    lines = [",".join(map(str, each)) for each in zip(*rows.values(), texts, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["user,stars,film,image", *lines]))
    found = []
    for name, in_memory in (("0", True), ("1", True), ("1", False), ("rows", True)):
        path = str(tmp_path / f"{name}{'.csv' if name == 'rows' else '.parquet'}")
        rejects = tmp_path / "rejected.csv"
        source = mtf.Tables(
            path, MEANINGS, max_rejected=0.2, in_memory=in_memory, rejects=str(rejects)
        )
        data = source.load(lambda text: None)
        for reason in ("is not 3 numbers", "is missing", "is not finite"):
            assert rejects.read_text().count(reason) == 1
        columns = [data.encoded_split(split) for split in ("train", "test")]
        films = [data.vocabularies["film"].values(each["film"]) for each in columns]
        vectors = np.concatenate([each["image"] for each in columns])
        by_film = dict(zip(np.concatenate(films), vectors, strict=True))
        assert len(by_film) == 36
        for film, image in by_film.items():
            np.testing.assert_array_equal(image, np.float32(images[int(film[1:])]))
        found.append(len(data.catalogue["film"]))
    assert found == [36] * 4


def test_a_model_knows_a_new_film_by_its_vector(tmp_path):
    """The stars follow from the image alone, which training met of other films."""
    draw = np.random.default_rng(0)
    images = draw.normal(size=(60, 3)).astype("float32")
    stars = 3 + images @ np.float32([1, -1, 0.5])

    def rows(films):
        names = [f"f{film}" for film in films]
        users = [f"u{film % 5}" for film in films]
        return {"user": users, "film": names, "image": images[films], "stars": stars[films]}

    train, test = rows(np.tile(np.arange(50), 4)), rows(np.arange(50, 60))
    catalogue = {"film": [f"f{film}" for film in range(60)], "image": images}
    data = mtf.Dataset(SCHEMA, train, test, catalogue)
    towers = [
        mtf.Tower("user", ["user"], 8),
        mtf.Tower("film", [mtf.Vector("image")], 8, key="film"),
    ]
    tasks = [
        mtf.Ranking("rating", label="stars", hidden_units=[]),
        mtf.Retrieval("find", query="user", candidate="film"),
    ]
    model = mtf.MultiTaskModel(towers, tasks)
    model.adapt(data)
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(mtf.batches_of(model, data, "train", 50), epochs=15, verbose=0)
    assert mtf.evaluate(model, data)["rating/rmse"] < 0.3  # their deviation is 1.5
    model.save(tmp_path / "model.keras")
    loaded = mtf.load_model(tmp_path / "model.keras")
    asked = {"user": ["u1", "u4"], "film": ["f3", "f59"]}  # the model knows their images
    told = {**asked, "image": [str(images[3].tolist()), " ".join(map(str, images[59].tolist()))]}
    expected = model.predict(model.encode(told), verbose=0)["rating"]
    np.testing.assert_allclose(expected, stars[[3, 59]], atol=1)
    again = loaded.predict(loaded.encode(told), verbose=0)["rating"]
    np.testing.assert_allclose(again, expected, rtol=1e-5)
    best = mtf.Recommender(loaded, mtf.Fusion({"rating": 1.0}), 60).recommend({"user": ["u1"]}, 1)
    assert best.ids[0, 0] == f"f{stars.argmax()}"
    with pytest.raises(DataError, match="which is a column of vectors"):
        mtf.Recommender(loaded).recommend({"user": ["u1"]}, 1, only={"image": 3})
