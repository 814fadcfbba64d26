"""The shop follows its formulas, and its files say the same as its data set."""

import numpy as np
import pytest

import mtframework as mtf
from mtframework.data.sources.synthetic_shop import EVENTS, SyntheticShop, draw_shop
from mtframework.errors import MtframeworkError

COLUMNS = {
    "customer": "query key",
    "segment": "categorical query",
    "product": "candidate key",
    "shelf": "categorical candidate",
    "price": "numeric candidate",
    "event": "event",
    "time": "timestamp",
}


def test_events_follow_one_another_as_often_as_the_truth_says():
    shop = draw_shop(400, 100, 80, seed=1)
    before = np.ones(len(shop.seconds))
    for event in EVENTS:
        label = shop.labels[event]
        assert set(label) == {0.0, 1.0}
        assert not label[before == 0].any()
        truth = shop.probability[event][shop.customer_of_row, shop.product_of_row]
        error = np.sqrt((truth * (1 - truth)).sum())
        assert abs(label.sum() - truth.sum()) < 4 * error
        # Where it is likely, it is so in the rows, too.
        likely = truth > np.quantile(truth, 0.9)
        assert abs(label[likely].sum() - truth[likely].sum()) < 4 * np.sqrt(truth[likely].sum())
        before = label
    stars = shop.labels["review"]
    assert set(stars[~np.isnan(stars)]) == {1.0, 2.0, 3.0, 4.0, 5.0}
    bought = shop.labels["purchase"] == 1
    assert np.isnan(stars[~bought]).all()
    assert np.mean(~np.isnan(stars[bought])) == pytest.approx(0.4, abs=0.06)
    pairs = set(zip(shop.customer_of_row.tolist(), shop.product_of_row.tolist(), strict=True))
    assert len(pairs) == 400 * 80


def test_the_probability_of_a_return_given_a_purchase_is_the_products_alone():
    shop = draw_shop(30, 20, 5, seed=2)
    given = shop.probability["return"] / shop.probability["purchase"]
    np.testing.assert_allclose(given, np.broadcast_to(given[0], given.shape))
    assert given[0].std() > 0.05


def test_the_files_are_the_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = SyntheticShop(40, 20, 10, validation_fraction=0.25, seed=3)
    source.write("shop")
    tables = mtf.Tables(
        "shop/log.csv",
        COLUMNS,
        candidates="shop/products.csv",
        events={"view": None, **dict.fromkeys(EVENTS), "review": "stars"},
        split="temporal",
        validation_fraction=0.25,
    )
    here, there = source.load(), tables.load(lambda text: None)
    for split, num_rows in (("train", 240), ("validation", 80), ("test", 80)):
        rows, read = here.split(split), there.split(split)
        assert len(rows["time"]) == len(read["time"]) == num_rows
        orders = [np.lexsort((each["product"], each["customer"])) for each in (rows, read)]
        for column in SyntheticShop.schema:
            values, expected = read[column.name][orders[1]], rows[column.name][orders[0]]
            np.testing.assert_array_equal(values, expected, column.name)
        assert (read["view"] == 1).all()
    for name, values in here.catalogue.items():
        np.testing.assert_array_equal(there.catalogue[name], values)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"num_customers": 0}, "num_customers"),
        ({"num_products": 10}, "views_per_customer is 40, and there are 10 products."),
        ({"test_fraction": 1.0}, "SyntheticShop.test_fraction is 1.0."),
    ],
)
def test_sizes_that_cannot_be(arguments, found):
    with pytest.raises(MtframeworkError, match=found):
        SyntheticShop(**arguments).load()
