"""Who asks at the rows of a split, and what makes the rows of one of them one list."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.data.histories import query_numbers
from mtframework.schema.events import by_query_and_time
from mtframework.schema.runs import begins_of_runs


@dataclass(frozen=True)
class Askers:
    """The query of each row of a split, and the row at which it asks first.

    A query's rows count together by the list that it gets at its first one. Where a query is known
    by its history or by the time, each of its rows gets a list of its own, and two candidates that
    stand first in two lists are not both first in one.

    Args:
        numbers: The query's id; of those that training never met, a number beyond all ids for each:
            `[num_rows]` int64.
        first: The earliest row of the same query: `[num_rows]` int64.
    """

    numbers: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset, split: str, columns: Mapping[str, np.ndarray]) -> "Askers":
        """Returns those of a split with the encoded `columns`."""
        numbers = query_numbers(dataset, [split], [columns])
        when = dataset.schema.names("timestamp")
        order = by_query_and_time(numbers, columns[when[0]] if when else None)
        begins = begins_of_runs(numbers[order])
        first = np.empty(len(numbers), "int64")
        first[order] = np.repeat(order[begins], np.diff(np.append(begins, len(order))))
        return cls(numbers, first)
