import numpy as np
import pyarrow as pa
import pytest

from mtframework.data.tables.merged_events import merge_events
from mtframework.data.tables.table_columns import TableColumns

NONE = pytest.approx(np.nan, nan_ok=True)
MEANINGS = {
    "user": "query key",
    "film": "candidate key",
    "place": "categorical context",
    "price": "label",
    "what": "event",
}
EVENTS = [  # user, film, place, price, what, stars, when
    ("bob", "Dune", "Rome", None, "view", None, 50),
    ("ann", "Emma", "Rome", None, "view", None, 10),
    ("ann", "Emma", "Oslo", 9.0, "buy", None, 30),
    ("ann", "Emma", "Bonn", None, "rate", 2.0, 20),
    ("ann", "Emma", "Bonn", 7.0, "rate", 5.0, 20),
    ("ann", "Emma", "Nice", None, "view", 1.0, 40),
    ("ann", "Dune", "Nice", None, "view", None, 60),
]


@pytest.mark.parametrize("with_time", [True, False])
def test_one_row_a_query_and_candidate(with_time):
    names = ["user", "film", "place", "price", "what", "stars", "when"]
    table = pa.table(dict(zip(names, map(list, zip(*EVENTS, strict=True)), strict=True)))
    kinds = {"view": None, "buy": None, "rate": "stars"}
    time = {"when": "timestamp"} if with_time else {}
    if not with_time:
        table = table.drop_columns(["when"])
    columns = TableColumns({**MEANINGS, **time}, tuple(kinds))
    merged = merge_events(table, columns, "what", kinds).to_pydict()
    assert merged == {
        "user": ["bob", "ann", "ann"],
        "film": ["Dune", "Emma", "Dune"],
        "place": ["Rome", "Nice", "Nice"],
        **({"when": [50, 40, 60]} if with_time else {}),
        # The purchase, at 9, is later than the second rating, at 7, and stands before it.
        "price": [NONE, 9.0 if with_time else 7.0, NONE],
        "view": [1, 1, 1],
        "buy": [0, 1, 0],
        "rate": [NONE, 5.0, NONE],
    }
