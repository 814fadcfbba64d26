"""Which labels are hidden, and which are not."""

import numpy as np
import pytest
from shop import SHOP_SCHEMA, make_shop

import mtframework as mtf
from mtframework.data.sources.sparse_labels import SparseLabels
from mtframework.errors import DataError

SHOP = make_shop()


class Shop(mtf.DatasetSource):
    schema = SHOP_SCHEMA

    def load(self, progress=None):
        return SHOP


def kept(share, seed=0):
    data = SparseLabels(Shop(), "stars", share, seed).load()
    return data, set(np.flatnonzero(~np.isnan(data.train["stars"])))


LABELLED = set(np.flatnonzero(~np.isnan(SHOP.train["stars"])))


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 1.0])
def test_a_share_of_the_training_labels_is_kept(share):
    data, rows = kept(share)
    assert len(rows) == max(1, np.ceil(share * len(LABELLED)))
    assert rows <= LABELLED
    some = sorted(rows)
    assert np.array_equal(data.train["stars"][some], SHOP.train["stars"][some])


def test_everything_else_stays():
    data, _ = kept(0.02)
    for name in ("shopper", "product", "bought"):
        assert np.array_equal(data.train[name], SHOP.train[name])
    assert np.array_equal(data.test["stars"], SHOP.test["stars"], equal_nan=True)
    assert np.isnan(SHOP.train["stars"]).sum() == 400 - len(LABELLED)  # not changed in place


def test_a_smaller_share_is_a_part_of_a_larger_one():
    assert kept(0.02)[1] < kept(0.1)[1] < kept(0.5)[1]
    assert kept(0.1, seed=1)[1] != kept(0.1)[1]


@pytest.mark.parametrize(
    ("column", "share", "found"),
    [
        ("star", 0.1, 'SparseLabels.column is "star". Did you mean "stars"?'),
        ("age", 0.1, 'SparseLabels.column is "age"'),
        ("stars", 0.0, "SparseLabels.share is 0.0"),
        ("stars", 1.5, "SparseLabels.share is 1.5"),
        ("stars", True, "SparseLabels.share is True"),
    ],
)
def test_what_cannot_be(column, share, found):
    with pytest.raises(DataError) as error:
        SparseLabels(Shop(), column, share)
    assert found in str(error.value)
