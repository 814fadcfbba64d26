"""What rows do not say of their candidates and queries, the model does."""

import keras
import numpy as np
import pytest
from wide_shop import make_model, make_rows, make_tasks, make_towers

from mtframework.errors import DataError
from mtframework.model.known_columns import catalogue_columns, encode_known, lasting_columns


@pytest.fixture(scope="module")
def wide_model():
    keras.utils.set_random_seed(0)
    return make_model(make_towers(), make_tasks())


def test_columns_that_a_catalogue_knows(wide_model):
    columns = catalogue_columns(wide_model.schema, wide_model.feature_columns)
    assert wide_model.schema.candidate_key not in columns
    assert columns
    assert all(wide_model.schema[name].role == "candidate" for name in columns)


@pytest.mark.parametrize("left_out", [1, 99])
def test_what_is_missing_is_the_catalogues(wide_model, left_out):
    rows = make_rows(20, seed=7)
    columns = catalogue_columns(wide_model.schema, wide_model.feature_columns)[:left_out]
    fewer = {name: values for name, values in rows.items() if name not in columns}
    expected = wide_model.encode(rows)
    found = encode_known(wide_model, fewer)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    whole = encode_known(wide_model, rows)
    np.testing.assert_array_equal(whole[columns[0]], expected[columns[0]])


def test_a_candidate_that_nobody_describes(wide_model):
    rows = make_rows(3, seed=7)
    key = wide_model.schema.candidate_key
    columns = catalogue_columns(wide_model.schema, wide_model.feature_columns)
    fewer = {name: values for name, values in rows.items() if name not in columns}
    fewer[key] = np.array([*fewer[key][:2].astype(str), "a novelty"])
    with pytest.raises(DataError) as raised:
        encode_known(wide_model, fewer)
    assert raised.value.found.startswith('The candidate "a novelty" was not seen in training, so')
    assert raised.value.fix == "Give them for each new candidate, or leave its rows out."


def test_what_is_missing_is_of_the_querys_latest_training_row(wide_model):
    rows = make_rows(90, seed=1)  # what the model was adapted to
    key, when = wide_model.schema.query_key, "when"
    columns = lasting_columns(wide_model.schema, wide_model.feature_columns)
    assert set(columns) == {"age", "interests"}
    encoded = wide_model.encode(rows)
    shopper = rows[key][5]
    latest = max(np.flatnonzero(rows[key] == shopper), key=lambda row: (rows[when][row], row))
    found = encode_known(wide_model, {key: np.array([shopper] * 2)})
    for name in columns:
        np.testing.assert_array_equal(found[name], encoded[name][[latest] * 2])


def test_a_query_that_nobody_describes(wide_model):
    known = make_rows(1, seed=1)[wide_model.schema.query_key].astype(str)
    with pytest.raises(DataError) as raised:
        wide_model.recommend({wide_model.schema.query_key: [*known, "zoe"]}, 2)
    assert raised.value.found == (
        'The query "zoe" was not seen in training, so the model does not know its "age", '
        '"interests".'
    )
    assert raised.value.expected == 'Rows with the columns "age", "interests".'


def test_what_is_known_of_queries_is_saved(wide_model, tmp_path):
    wide_model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    rows, key = make_rows(9, seed=1), wide_model.schema.query_key
    asked = {key: rows[key], "when": rows["when"]}
    expected = wide_model.recommend(asked, 3)
    for name, values in again.recommend(asked, 3).items():
        np.testing.assert_array_equal(values, expected[name])
