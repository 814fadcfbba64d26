"""`Tables.order`: a log in the order of time is read as one whose times say the same."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtframework as mtf
from mtframework.data.histories import histories_of, what_rows_know
from mtframework.errors import DataError

MEANINGS = {"user": "query key", "film": "candidate key", "stars": "label"}
TIMED = {**MEANINGS, "at": "timestamp"}


@pytest.fixture
def log(tmp_path) -> str:
    draw = np.random.default_rng(0)
    table = {
        "user": [f"u{each}" for each in draw.integers(0, 9, 120)],
        "film": [f"f{each}" for each in draw.integers(0, 40, 120)],
        "stars": draw.integers(1, 6, 120),
        "at": 1_700_000_000 + 60 * np.arange(120),
    }
    for number, part in enumerate((slice(50), slice(50, 120))):
        rows = pa.table({name: values[part] for name, values in table.items()})
        pq.write_table(rows, tmp_path / f"part_{number}.parquet")
    return str(tmp_path / "part_*.parquet")


def loaded(log, columns=MEANINGS, **settings) -> mtf.Dataset:
    settings = {"repeats": "keep", "rejects": f"{log[:-14]}rejected", **settings}
    return mtf.Tables(log, columns, **settings).load(lambda text: None)


@pytest.mark.parametrize("split", ["temporal", "leave_last_out"])
def test_places_say_what_times_would(log, split):
    shares = {"split": split, "validation_fraction": 0.3}
    by_place = loaded(log, order="file", **shares)
    by_time = loaded(log, TIMED, **shares)
    for name in ("train", "validation", "test"):
        one, other = by_place.split(name), by_time.split(name)
        assert one["film"].tolist() == other["film"].tolist()
        assert one["stars"].tolist() == other["stars"].tolist()
        there = by_time.vocabularies
        found, expected = (
            histories_of(each, name, ["film"], 5, there) for each in (by_place, by_time)
        )
        np.testing.assert_array_equal(found.columns["film"], expected.columns["film"])
        np.testing.assert_array_equal(found.starts, expected.starts)
        np.testing.assert_array_equal(found.ends, expected.ends)
    assert what_rows_know(by_place) == "before"


def test_streamed_the_last_rows_are_held_out(log):
    shares = {"split": "temporal", "order": "file", "validation_fraction": 0.25}
    whole, streamed = loaded(log, **shares), loaded(log, in_memory=False, **shares)
    assert [len(whole.split(name)["film"]) for name in ("train", "validation", "test")] == [
        72,
        24,
        24,
    ]
    for name in ("train", "validation", "test"):
        one, other = (each.encoded_split(name, whole.vocabularies) for each in (whole, streamed))
        for column in ("user", "film", "stars"):
            np.testing.assert_array_equal(one[column], other[column])


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"split": "random"}, 'the split "random" leaves no order'),
        ({"split": "temporal", "columns": TIMED}, "rows have times, which say their order"),
        ({"split": "temporal", "order": "time"}, "Tables.order is 'time'"),
    ],
)
def test_an_order_that_says_nothing_is_refused(settings, found):
    with pytest.raises(DataError, match=found):
        mtf.Tables("log.csv", **{"columns": MEANINGS, "order": "file", **settings})
    kinds = {"interactions": {"buy": "buy.csv", "view": "view.csv"}, "split": "temporal"}
    with pytest.raises(DataError, match="each kind has its own files"):
        mtf.Tables(columns={"user": "query key", "film": "candidate key"}, order="file", **kinds)
