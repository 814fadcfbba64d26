"""Towers against their own tables, multiplied out by NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import ModelError
from mtframework.features.bucketed import Bucketed
from mtframework.features.normalized import Normalized


def numpy(tensor) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def test_one_categorical_column_is_its_embedding():
    tower = mtf.Tower("user", ["user_id"], embedding_dim=4)
    tower.build({"user_id": 10})
    (table,) = tower.trainable_variables
    ids = np.array([3, 0, 9])
    np.testing.assert_array_equal(numpy(tower({"user_id": ids})), numpy(table)[ids])


def test_columns_are_concatenated_and_go_through_dense_layers():
    tower = mtf.Tower("user", ["user_id", "age"], embedding_dim=3, hidden_units=[5])
    tower.build({"user_id": 10, "age": None})
    table, first, first_bias, last, last_bias = map(numpy, tower.trainable_variables)
    ids, ages = np.array([3, 7]), np.array([0.5, -2.0], "float32")
    inputs = np.concatenate([table[ids], ages[:, None]], axis=1)
    expected = np.maximum(inputs @ first + first_bias, 0) @ last + last_bias
    found = numpy(tower({"user_id": ids, "age": ages}))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_sum_of_embeddings_goes_through_no_dense_layer():
    tower = mtf.Tower("film", ["title", "genres"], embedding_dim=3, combiner="sum")
    tower.build({"title": 10, "genres": 5})
    titles, genres = map(numpy, tower.trainable_variables)
    rows = {"title": np.array([3, 7]), "genres": np.array([[1, 2], [4, 0]])}
    expected = [titles[3] + (genres[1] + genres[2]) / 2, titles[7] + genres[4]]
    np.testing.assert_allclose(numpy(tower(rows)), expected, rtol=1e-5, atol=1e-6)


def test_vectors_of_unequal_sizes_are_not_added():
    tower = mtf.Tower("film", ["title", "year"], embedding_dim=3, combiner="sum")
    with pytest.raises(ModelError, match="unequal sizes cannot be added up") as raised:
        tower.build({"title": 10, "year": None})
    assert 'Categorical of "title" has 3, Numeric of "year" has 1.' in str(raised.value)
    assert 'fix: Use combiner = "concatenate"' in str(raised.value)
    tower = mtf.Tower("film", [Normalized("year"), Bucketed("year")], 3, combiner="sum")
    with pytest.raises(ModelError, match="unequal sizes cannot be added up"):
        tower.build({"year": None})


def test_dropout_acts_in_training_alone():
    tower = mtf.Tower("user", ["user_id"], embedding_dim=200, dropout=0.5)
    tower.build({"user_id": 10})
    ids = {"user_id": np.array([1])}
    plain, trained = numpy(tower(ids, training=False)), numpy(tower(ids, training=True))
    dropped = trained == 0
    assert 0.3 < dropped.mean() < 0.7
    np.testing.assert_allclose(trained[~dropped], 2 * plain[~dropped], rtol=1e-5)
    assert not tower.is_deterministic


def test_features_learn_from_training_rows_and_keep_it():
    tower = mtf.Tower("film", [Normalized("year"), "genres", Bucketed("year", 2, 3)], 4)
    tower.build({"year": None, "genres": 5})
    years = np.array([1990, 2000, 2010], "float32")
    rows = {"year": years, "genres": np.array([[1, 2], [0, 0], [4, 0]], "int32")}
    tower.adapt(rows, {})
    again = mtf.Tower.from_config(tower.get_config())
    again.build({"year": None, "genres": 5})
    for variable, other in zip(again.weights, tower.weights, strict=True):
        variable.assign(other)
    np.testing.assert_array_equal(numpy(again(rows)), numpy(tower(rows)))
    vectors = numpy(tower.encoder(rows))
    assert vectors.shape == (3, 1 + 4 + 3)
    np.testing.assert_allclose(vectors[:, 0], [-1.2247, 0, 1.2247], rtol=1e-4)
    np.testing.assert_array_equal(vectors[1], [0] * 5 + vectors[2, 5:].tolist())
    assert tower.columns == ("year", "genres")
    assert tower.key == "year"


def test_crosses_follow_their_formula():
    tower = mtf.Tower("user", ["user_id", "age"], embedding_dim=2, cross_layers=2)
    tower.build({"user_id": 10, "age": None})
    table, w1, b1, w2, b2, last, bias = map(numpy, tower.trainable_variables)
    assert w1.shape == w2.shape == (3, 3)
    ids, ages = np.array([3, 7]), np.array([0.5, -2.0], "float32")
    x0 = np.concatenate([table[ids], ages[:, None]], axis=1)
    x1 = x0 * (x0 @ w1 + b1) + x0
    x2 = x0 * (x1 @ w2 + b2) + x1
    found = numpy(tower({"user_id": ids, "age": ages}))
    np.testing.assert_allclose(found, x2 @ last + bias, rtol=1e-5, atol=1e-6)


def test_penalty_is_a_mean_over_rows_and_leaves_other_rows_alone():
    tower = mtf.Tower("user", ["user_id", "age"], embedding_dim=3, l2=0.5)
    tower.build({"user_id": 10, "age": None})
    table = numpy(tower.trainable_variables[0])
    rows = {"user_id": np.array([3, 7, 3]), "age": np.ones(3, "float32")}
    expected = 0.5 * (2 * (table[3] ** 2).sum() + (table[7] ** 2).sum()) / 3
    np.testing.assert_allclose(float(tower.penalty(rows)), expected, rtol=1e-5)
    twice = {name: np.tile(values, 2) for name, values in rows.items()}
    np.testing.assert_allclose(float(tower.penalty(twice)), expected, rtol=1e-5)
    assert mtf.Tower("user", ["user_id"]).penalty(rows) == 0


def test_key_is_the_first_feature_unless_told():
    assert mtf.Tower("m", ["title", "year"]).key == "title"
    tower = mtf.Tower("m", ["year"], key="title")
    assert tower.columns == ("year", "title")


def test_configuration_round_trips():
    features = ["a", Bucketed("b", 7)]
    tower = mtf.Tower(
        "m", features, 16, [8], key="b", dropout=0.1, l2=0.1, cross_layers=1, combiner="sum"
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tower))
    assert again.get_config() == tower.get_config()


@pytest.mark.parametrize(
    "arguments", [{"l2": -1}, {"l2": "1"}, {"cross_layers": 1.5}, {"combiner": "smu"}]
)
def test_arguments_out_of_range_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ModelError, match=f'The tower "user" has {name} = ') as raised:
        mtf.Tower("user", ["user_id"], **arguments)
    assert raised.value.fix in (f"Correct {name}.", f"Correct user/Tower.{name}.")


@pytest.mark.parametrize("features", ["user_id", [], Normalized("age"), [3], [Normalized]])
def test_tower_refuses(features):
    with pytest.raises(ModelError, match="has features = ") as raised:
        mtf.Tower("user", features)
    assert "fix: Set features of the tower" in str(raised.value)
