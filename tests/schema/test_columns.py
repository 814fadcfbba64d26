"""Tables of other libraries where columns by name are asked for."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from shop import SHOP_SCHEMA, make_shop, shop_rows

import mtframework as mtf
from mtframework.errors import DataError
from mtframework.schema.columns import columns_of

ROWS = shop_rows(60, seed=4)


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_data_set_of_tables_is_that_of_their_columns(table):
    plain = make_shop(train=ROWS)
    made = mtf.Dataset(
        schema=SHOP_SCHEMA,
        train=table(ROWS),
        test=table(plain.test),
        catalogue=table(plain.catalogue),
    )
    for name, ids in plain.encode(plain.train).items():
        np.testing.assert_array_equal(made.encode(made.train)[name], ids)
        np.testing.assert_array_equal(made.encode(table(ROWS))[name], ids)
    assert made.vocabularies["product"].size == plain.vocabularies["product"].size


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
def test_the_model_takes_tables(table, model):
    best = model.recommend(table({"shopper": ["3", "4"]}), k=2)
    again = model.recommend({"shopper": ["3", "4"]}, k=2)
    np.testing.assert_array_equal(best["product"], again["product"])
    encoded = model.encode(table({"shopper": ["3"], "product": ["product 01"]}))
    assert encoded["product"].tolist() == [2]


def test_nullable_numbers_of_pandas():
    table = pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": pd.array([4, 5, 6], "Int64")})
    columns = columns_of(table)
    np.testing.assert_array_equal(columns["a"], [1.0, np.nan, 3.0])
    assert columns["b"].dtype == "int64"


@pytest.mark.parametrize("rows", ["ann", 7, [{"user": "ann"}], pd.DataFrame([[1]])])
def test_what_has_no_columns_by_name_is_refused(rows):
    with pytest.raises(DataError, match="Columns were expected from"):
        columns_of(rows)
