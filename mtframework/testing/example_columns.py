"""Data with columns of any kind, in which towers and features are checked."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.schema.schema import Column, Kind, Role, Schema
from mtframework.testing.example_model import NUM_CANDIDATES, NUM_QUERIES, NUM_ROWS, Rows

KindOfColumn = Literal["categorical", "multi_categorical", "numeric", "vector", "timestamp"]
"""What a column holds: its kind, or "timestamp" for its role, as `Feature.reads` has it."""

NUMBERS = (0.5, 1.0, 2.0, 4.0)
UNKNOWN = "the contract has never met it"
_VECTOR_SIZE = 5
_TEXTS = ("amber", "beige", "coral", "denim")
_SEPTEMBER, _SEASON = 1_725_148_800, 90 * 86_400  # seconds since 1970, and seconds


def column_of(name: str, kind: KindOfColumn, role: Role) -> Column:
    """Returns a column of that kind; a timestamp has its own role."""
    if kind == "timestamp":
        return Column(name, "numeric", "timestamp")
    assert kind in get_args(Kind)
    return Column(name, kind, role, _VECTOR_SIZE if kind == "vector" else None)


def dataset_of(schema: Schema, numbers: Sequence[float] = NUMBERS) -> Dataset:
    """Returns a data set with the columns of the schema.

    What describes a query, or a candidate, is the same in each of its rows.

    Args:
        schema: The columns.
        numbers: What numeric columns hold.
    """
    draw = np.random.default_rng(1)
    described: dict[str, Rows] = {}
    for role, key, count in (
        ("query", schema.query_key, NUM_QUERIES),
        ("candidate", schema.candidate_key, NUM_CANDIDATES),
    ):
        names = [column for column in schema if column.role == role]
        described[role] = {each.name: _values(each, numbers, count, draw) for each in names}
        described[role][key] = np.array([f"{role} {number}" for number in range(count)])

    def rows(num_rows: int) -> Rows:
        at = {
            "query": draw.integers(0, NUM_QUERIES, num_rows),
            "candidate": draw.integers(0, NUM_CANDIDATES, num_rows),
        }
        return {
            each.name: described[each.role][each.name][at[each.role]]
            if each.role in at
            else _values(each, numbers, num_rows, draw)
            for each in schema
        }

    train, test = rows(3 * NUM_ROWS), rows(NUM_ROWS)
    return Dataset(schema, train, test, described["candidate"], name="the contract's data")


def unknown_rows(data: Dataset) -> Rows:
    """Returns the test rows with categories, and times, never seen in training."""
    rows = dict(data.test)
    for column in data.schema:
        if column.role == "timestamp":
            rows[column.name] = rows[column.name] + 2 * _SEASON
        elif column.has_ids:
            rows[column.name] = np.full(NUM_ROWS, UNKNOWN)
    return rows


def _values(column: Column, numbers: Sequence[float], count: int, draw) -> np.ndarray:
    if column.role == "timestamp":
        return draw.integers(_SEPTEMBER, _SEPTEMBER + _SEASON, count)
    if column.kind == "vector":
        return draw.normal(size=(count, _VECTOR_SIZE)).astype("float32")
    if column.kind == "numeric":
        return draw.permutation(np.resize(np.asarray(numbers, "float32"), count))
    if column.kind == "categorical":
        return draw.permutation(np.resize(_TEXTS, count))
    several = [draw.permutation(_TEXTS)[: draw.integers(0, 4)] for _ in range(count)]
    return np.array(["|".join(each) for each in several])
