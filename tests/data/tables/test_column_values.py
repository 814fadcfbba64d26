"""Values of every type a file may have, against what they mean."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from mtframework.data.tables.column_values import categories, multi_categories, numbers, timestamps
from mtframework.data.tables.table_columns import MILLISECONDS, SECONDS

NOW = 1_800_000_000


def converted(result) -> tuple[list, dict[str, list[int]]]:
    values, problems = result
    rows = {reason: np.flatnonzero(mask).tolist() for reason, mask in problems.items()}
    return values.to_pylist(), {reason: each for reason, each in rows.items() if each}


@pytest.mark.parametrize(
    ("column", "values", "problems"),
    [
        (["a", None, ""], ["a", None, ""], {}),
        (pa.array([b"a", b"\xff", b"\xc3\xa9"]), ["a", None, "é"], {"is broken UTF-8": [1]}),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"], {}),
        ([7, None], ["7", None], {}),
        ([7.0, None, 0.5], ["7", None, None], {"is not a whole number": [2]}),
        ([True, None], ["true", None], {}),
        ([None, None], [None, None], {}),
        ([["a"], None], [None, None], {"is not a single value": [0]}),
    ],
)
def test_categories(column, values, problems):
    assert converted(categories(pa.chunked_array([pa.array(column)]))) == (values, problems)


def test_broken_texts_of_a_parquet_file():
    whole = pa.array([b"a", b"\xff\xfe"])
    texts = pa.Array.from_buffers(pa.string(), 2, whole.buffers())
    assert converted(categories(texts)) == (["a", None], {"is broken UTF-8": [1]})


@pytest.mark.parametrize(
    ("column", "values", "problems"),
    [
        (["a|b", "", "a"], ["a|b", "", "a"], {}),
        ([["a", "b"], [], None, ["a"]], ["a|b", "", "", "a"], {}),
        ([[7, 9], [9]], ["7|9", "9"], {}),
        ([["a", None], ["b"]], ["a|", "b"], {"holds a missing category": [0]}),
        ([["b"], ["a|b", "c"]], ["b", "a|b|c"], {'holds "|" in a category': [1]}),
    ],
)
def test_several_categories(column, values, problems):
    assert converted(multi_categories(pa.array(column))) == (values, problems)
    sliced = pa.concat_arrays([pa.array(column), pa.array(column)])[len(column) :]
    assert converted(multi_categories(sliced)) == (values, problems)


@pytest.mark.parametrize(
    ("column", "values", "problems"),
    [
        (["1", "", "-2.5e1"], [1, None, -25], {}),
        (["1", " 2 ", "NaN", "null", "True", "x", "1_0", None], [1, 2, None, None, 1] + [None] * 3,
         {"is not a number": [5, 6]}),
        (["inf", "4"], [None, 4], {"is not finite": [0]}),
        (pa.array([b"1", b"\xff"]), [1, None], {"is broken UTF-8": [1]}),
        ([1, None], [1, None], {}),
        ([0.5, float("nan"), float("-inf")], [0.5, None, None], {"is not finite": [2]}),
        ([True, False], [1, 0], {}),
        (pa.array([150, None]).cast(pa.decimal128(19, 0)), [150, None], {}),
        ([None], [None], {}),
        ([[1], None], [None, None], {"is not a number": [0]}),
    ],
)  # fmt: skip
def test_numbers(column, values, problems):
    assert converted(numbers(pa.array(column))) == (values, problems)


def seconds(*time) -> int:
    return int(datetime.datetime(*time, tzinfo=datetime.UTC).timestamp())


LEAP_DAY = seconds(2024, 2, 29)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (["2024-02-29", "2024-02-29T12:30:05"], [LEAP_DAY, LEAP_DAY + 45_005]),
        (["2024-02-29 12:30:05.123456", "2024-02-29T00:00:00Z"], [LEAP_DAY + 45_005, LEAP_DAY]),
        (["2024-02-29T02:00:00+02:00", str(LEAP_DAY)], [LEAP_DAY, LEAP_DAY]),
        ([str(LEAP_DAY), f"{LEAP_DAY}.7"], [LEAP_DAY, LEAP_DAY]),
        ([LEAP_DAY, 0], [LEAP_DAY, 0]),
        ([datetime.datetime(2024, 2, 29, 0, 0, 1), None], [LEAP_DAY + 1, None]),
        ([datetime.date(2024, 2, 29)], [LEAP_DAY]),
    ],
)
def test_times(column, values):
    assert converted(timestamps(pa.array(column), SECONDS, NOW))[0] == values


def test_milliseconds():
    for column in ([LEAP_DAY * 1000 + 999], [f"{LEAP_DAY}999"]):
        assert converted(timestamps(pa.array(column), MILLISECONDS, NOW)) == ([LEAP_DAY], {})
    both = pa.array([f"{LEAP_DAY}000", "2024-02-29"])
    assert converted(timestamps(both, MILLISECONDS, NOW)) == ([LEAP_DAY, LEAP_DAY], {})


def test_times_at_fault():
    column = pa.array(["5", "-5", "", "soon", "2023-02-29", str(NOW + 90_000), str(NOW + 80_000)])
    assert converted(timestamps(column, SECONDS, NOW)) == (
        [5, None, None, None, None, None, NOW + 80_000],
        {
            "is not a time": [3, 4],
            "is missing": [2],
            "is before 1970": [1],
            "is in the future": [5],
        },
    )
