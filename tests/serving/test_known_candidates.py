"""What rows do not say of their candidates, the catalogue does."""

import numpy as np
import pytest
from wide_shop import make_rows

from mtframework.errors import DataError
from mtframework.serving.known_candidates import catalogue_columns, encode_rows_of_candidates


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
    found = encode_rows_of_candidates(wide_model, fewer)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    whole = encode_rows_of_candidates(wide_model, rows)
    np.testing.assert_array_equal(whole[columns[0]], expected[columns[0]])


def test_a_candidate_that_nobody_describes(wide_model):
    rows = make_rows(3, seed=7)
    key = wide_model.schema.candidate_key
    columns = catalogue_columns(wide_model.schema, wide_model.feature_columns)
    fewer = {name: values for name, values in rows.items() if name not in columns}
    fewer[key] = np.array([*fewer[key][:2].astype(str), "a novelty"])
    with pytest.raises(DataError) as raised:
        encode_rows_of_candidates(wide_model, fewer)
    assert raised.value.found.startswith('The candidate "a novelty" is not in the model\'s catalog')
    assert raised.value.fix == "Add the columns, or leave the rows of such candidates out."
