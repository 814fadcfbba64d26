"""Towers against their own tables, multiplied out by NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import ModelError


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


def test_dropout_acts_in_training_alone():
    tower = mtf.Tower("user", ["user_id"], embedding_dim=200, dropout=0.5)
    tower.build({"user_id": 10})
    ids = {"user_id": np.array([1])}
    plain, trained = numpy(tower(ids, training=False)), numpy(tower(ids, training=True))
    dropped = trained == 0
    assert 0.3 < dropped.mean() < 0.7
    np.testing.assert_allclose(trained[~dropped], 2 * plain[~dropped], rtol=1e-5)
    assert not tower.is_deterministic


def test_key_is_the_first_feature_unless_told():
    assert mtf.Tower("m", ["title", "year"]).key == "title"
    tower = mtf.Tower("m", ["year"], key="title")
    assert tower.columns == ("year", "title")


def test_configuration_round_trips():
    tower = mtf.Tower("m", ["a", "b"], 16, [8], key="b", dropout=0.1)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tower))
    assert again.get_config() == tower.get_config()


@pytest.mark.parametrize("features", ["user_id", []])
def test_tower_refuses(features):
    with pytest.raises(ModelError, match="has features = ") as raised:
        mtf.Tower("user", features)
    assert "mend: Set features of the tower" in str(raised.value)
