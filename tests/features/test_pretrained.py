"""`Pretrained`: vectors from files, frozen or not, in a model that needs the file no more."""

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from keras import ops
from shop import make_shop

import mtframework as mtf
from mtframework.errors import DataError, ModelError, MtframeworkWarning
from mtframework.schema.vocabulary import Vocabulary

FILMS = Vocabulary(["Heat", "Up", "7"])
VECTORS = [[0.5, -1.0], [2.0, 3.0], [4.0, 0.25]]


def learned(path, **arguments) -> list:
    feature = mtf.Pretrained("film", str(path), **arguments)
    feature.build(FILMS.size, 2)
    feature.adapt(np.array([1]), FILMS)
    return ops.convert_to_numpy(feature(np.arange(FILMS.size))).tolist()


def test_vectors_stand_at_their_ids_whatever_the_form(tmp_path):
    pq.write_table(
        pa.table({"vector": VECTORS, "title": ["Up", "Heat ", "7"]}), tmp_path / "a.parquet"
    )
    np.savez(tmp_path / "b.npz", ids=np.array(["Up", "Heat ", "7"]), vectors=VECTORS)
    expected = [[0.0, 0.0], [2.0, 3.0], [0.5, -1.0], [4.0, 0.25]]
    assert learned(tmp_path / "a.parquet") == learned(tmp_path / "b.npz") == expected


def test_values_without_a_vector_are_told_and_have_zeros(tmp_path):
    np.savez(tmp_path / "b.npz", ids=np.array([7, 8]), vectors=VECTORS[:2])
    with pytest.warns(MtframeworkWarning, match='2 of 3 values of "film" have no vector'):
        found = learned(tmp_path / "b.npz")
    assert found == [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.5, -1.0]]


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"ids": ["Up", "7"], "vectors": [[1.0, 2, 3], [1, 2, 3]]}, "have 3 numbers"),
        ({"ids": ["Up", "Up"], "vectors": VECTORS[:2]}, 'holds the id "Up" twice'),
        ({"ids": ["Up"], "vectors": VECTORS}, "holds 1 ids and 3 vectors"),
        ({"ids": ["Up"], "vectors": [[1.0, np.nan]]}, r"is \[1.0, nan\] in row 0"),
        ({"vectors": VECTORS}, "cannot be read"),
    ],
)
def test_files_that_are_refused(arrays, found, tmp_path):
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(DataError, match=found):
        learned(tmp_path / "b.npz")
    with pytest.raises(DataError, match=r"none\.parquet cannot be read"):
        learned(tmp_path / "none.parquet")
    with pytest.raises(ModelError, match="A Pretrained has file = ''"):
        mtf.Pretrained("film")


@pytest.mark.parametrize("fine_tune", [False, True])
def test_a_saved_model_needs_the_file_no_more(fine_tune, tmp_path):
    data = make_shop()
    products = data.catalogue["product"]
    vectors = np.random.default_rng(0).normal(size=(len(products), 4)).astype("float32")
    np.savez(tmp_path / "products.npz", ids=products, vectors=vectors)
    pretrained = mtf.Pretrained("product", f"{tmp_path}/products.npz", fine_tune=fine_tune)
    towers = [mtf.Tower("shopper", ["shopper"], 4), mtf.Tower("product", [pretrained], 4, l2=0.1)]
    model = mtf.MultiTaskModel(towers, [mtf.Ranking("rating", label="stars")])
    model.adapt(data)
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(mtf.batches_of(model, data, "train", 200), epochs=1, verbose=0)
    ids = data.vocabularies["product"].ids(products)
    table = ops.convert_to_numpy(model.towers["product"].weights[0])[ids]
    assert np.array_equal(table, vectors) != fine_tune
    model.save(tmp_path / "model.keras")
    (tmp_path / "products.npz").unlink()
    loaded = mtf.load_model(tmp_path / "model.keras")
    rows = model.encode(data.test)
    expected = model.predict(rows, verbose=0)["rating"]
    np.testing.assert_allclose(loaded.predict(rows, verbose=0)["rating"], expected, rtol=1e-5)
    trained = [weight.path for weight in loaded.towers["product"].trainable_variables]
    assert bool(trained) == fine_tune
