"""Which events each row of a split may know: those before it, or all others of its query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.data.rows import is_checked, num_rows_of, texts_at
from mtframework.errors import DataError
from mtframework.schema.events import by_query_and_time
from mtframework.schema.runs import begins_of_runs, one_behind_another
from mtframework.schema.texts import distinct_texts
from mtframework.schema.vocabulary import Vocabulary, normalized_texts

Known = Literal["before", "others"]


@dataclass(frozen=True)
class Histories:
    """The history of each row of a split: a run of events, perhaps but one.

    Args:
        known: What rows know; see `what_rows_know`.
        columns: The encoded columns of the events: `{name: [num_events, ...]}`.
        is_of_split: Which of the events are rows of the split, not of an earlier one:
            `[num_events]` bool.
        starts: Where the run of each row begins: `[num_rows]`, int64.
        ends: Where it ends: row i knows the events `starts[i]` up to, without it, `ends[i]`.
        left_out: The event in the run that is the row itself, `[num_rows]`; -1 where none is.
        pieces: `[num_rows]`: rows of one number, which stand in the order of `ends`, are a piece:
            their runs begin together, so that one pass over them serves all.
    """

    known: Known
    columns: dict[str, np.ndarray]
    is_of_split: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    left_out: np.ndarray
    pieces: np.ndarray


def what_rows_know(dataset: Dataset, vocabularies: Mapping[str, Vocabulary] | None = None) -> Known:
    """Returns which of their query's events the rows of a data set may know.

    `"before"`: those before them, where no row that is held out is earlier than a row of its query
    that is kept, as after a temporal split or one that leaves the last row out. `"others"`: all
    training rows but themselves, where one is, as after a random split.

    Args:
        dataset: The data set; its rows are in memory, and have an order.
        vocabularies: The ids; left out, the data set's own.
    """
    if not dataset.schema.names("timestamp"):
        return "before"  # check_order has seen to it that the rows are said to be in order
    when = dataset.schema.names("timestamp")[0]
    sources = _with_rows(dataset)
    encoded = [dataset.encoded_split(each, vocabularies) for each in sources]
    queries = query_numbers(dataset, sources, encoded)
    number = np.repeat(np.arange(len(sources)), [_length(each) for each in encoded])
    order = np.lexsort((number, np.concatenate([each[when] for each in encoded]), queries))
    same = queries[order][1:] == queries[order][:-1]
    goes_back = number[order][1:] < number[order][:-1]
    return "others" if (same & goes_back).any() else "before"


def histories_of(
    dataset: Dataset,
    split: str,
    names: Sequence[str],
    max_length: int | None,
    vocabularies: Mapping[str, Vocabulary] | None = None,
    in_pieces: bool = False,
) -> Histories:
    """Returns the histories of the rows of a split.

    A row never knows itself, nor what comes after it where `what_rows_know` says `"before"`: then
    a row of the test knows train and validation, and the earlier rows of the test, of its query. Of
    two rows of one time, the one that stands first is first.

    Each row knows its last `max_length` events, or, with `in_pieces`, one pass serves many rows: a
    query's rows are cut into pieces of which none reaches back over more than `max_length` events,
    so that a row of a long history knows between a quarter of `max_length` and all of it.

    Args:
        dataset: The data set; its rows are in memory.
        split: `"train"`, `"validation"` or `"test"`.
        names: The columns to keep of each event.
        max_length: How many events a row knows at most; None for all.
        vocabularies: The ids; left out, the data set's own.
        in_pieces: Whether rows share passes, as training rows do.

    Raises:
        DataError: The rows are streamed, or their order is not known.
    """
    check_order(dataset)
    max_length = np.iinfo("int64").max if max_length is None else max_length
    kind = what_rows_know(dataset, vocabularies)
    sources = _with_rows(dataset)
    if kind == "before":
        sources = sources[: sources.index(split) + 1]
    else:
        sources = [each for each in sources if each in ("train", split)]
    encoded = [dataset.encoded_split(each, vocabularies) for each in sources]
    queries = query_numbers(dataset, sources, encoded)
    times = None
    if when := dataset.schema.names("timestamp"):
        times = np.concatenate([each[when[0]] for each in encoded])
    order = by_query_and_time(queries, times)
    source = np.repeat(sources, [_length(each) for each in encoded])
    is_asked = source == split
    is_event = (source == "train") | (kind == "before")
    # Places among the events alone, of rows in the order of queries and time.
    place = np.concatenate([[0], np.cumsum(is_event[order])])
    asked = np.flatnonzero(is_asked[order])  # positions in the sorted rows
    bounds = np.append(begins_of_runs(queries[order]), len(order))
    query = np.searchsorted(bounds, asked, side="right") - 1
    begin = place[bounds[query]]
    left_out = np.full(len(asked), -1, "int64")
    pieces = np.arange(len(asked))
    if kind == "before":
        ends = place[asked]
        starts = np.maximum(begin, ends - max_length)
        if in_pieces and split == "train":
            starts, pieces = _in_pieces(begin, ends, max_length)
    else:
        ends = place[bounds[query + 1]]
        own = np.where(is_event[order][asked], place[asked], -1)
        starts = np.maximum(begin, ends - max_length)
        is_inside = own >= starts
        starts = np.where(is_inside, np.maximum(begin, starts - 1), starts)
        left_out = np.where(is_inside, own, -1)
    event_rows = order[is_event[order]]
    columns = {
        name: one_behind_another([each[name] for each in encoded])[event_rows] for name in names
    }
    # Back to the order in which the split has its rows.
    row_of = order[asked] - int(np.flatnonzero(is_asked)[0])
    back = np.empty(len(asked), "int64")
    back[row_of] = np.arange(len(asked))
    of_rows = starts[back], ends[back], left_out[back], pieces[back]
    return Histories(kind, columns, is_asked[event_rows], *of_rows)


def is_order_known(dataset: Dataset) -> bool:
    """Returns whether the rows are in memory, and what says in which order they happened."""
    is_streamed = any(is_checked(dataset.split(each)) for each in _with_rows(dataset))
    return not is_streamed and bool(dataset.schema.names("timestamp") or dataset.rows_in_order)


def check_order(dataset: Dataset) -> None:
    """Raises a `DataError` where the order of a data set's rows is not known."""
    if is_order_known(dataset):
        return
    if any(is_checked(dataset.split(each)) for each in _with_rows(dataset)):
        raise DataError(
            f"A tower reads histories, and the rows of {dataset.name} are streamed.",
            "Rows in memory, in which a query's events can be sorted by time.",
            "Set Tables.in_memory = True, or take the tower that reads histories out.",
        )
    raise DataError(
        f"A tower reads histories, and the rows of {dataset.name} have no order.",
        "A timestamp column, or rows that are said to stand in the order of time.",
        "Name the column of the times in the schema, or set rows_in_order = True.",
    )


def query_numbers(
    dataset: Dataset, sources: Sequence[str], encoded: Sequence[Mapping[str, np.ndarray]]
) -> np.ndarray:
    """Returns a number for each row's query: its id, and beyond these for those without one.

    Args:
        dataset: The data set.
        sources: The splits whose rows they are, one behind another.
        encoded: The encoded columns of each.
    """
    key = dataset.schema.query_key
    ids = np.concatenate([each[key] for each in encoded]).astype("int64")
    is_unknown = ids == 0
    if is_unknown.any():
        names = [
            texts_at(dataset.split(split), key, np.flatnonzero(columns[key] == 0))
            for split, columns in zip(sources, encoded, strict=True)
        ]
        _, numbers = distinct_texts(normalized_texts(np.concatenate(names)))
        ids[is_unknown] = ids.max() + 1 + numbers
    return ids


def _in_pieces(
    begin: np.ndarray, ends: np.ndarray, max_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the events of each row's piece start, and which piece it is of.

    Args:
        begin: Where the events of each row's query begin, rows of a query together: `[num_rows]`.
        ends: Where the events before the row end.
        max_length: How many events a piece holds at most.
    """
    if not len(begin):
        return begin, np.zeros(0, "int64")
    # In training every row is an event, so that a query's n-th row has n events before it.
    number = ends - begin
    is_first = np.append(True, begin[1:] != begin[:-1])
    query = np.cumsum(is_first) - 1
    num_rows = np.bincount(query)[query]
    half = max(max_length // 2, 1)
    num_pieces = np.where(num_rows > max_length + 1, np.maximum(num_rows // half, 2), 1)
    piece = number * num_pieces // num_rows  # of equally many rows, within one
    last = ((piece + 1) * num_rows - 1) // num_pieces  # the number of a piece's last row
    starts = begin + np.maximum(0, last - max_length)
    return starts, np.cumsum(np.append(True, (piece[1:] != piece[:-1]) | is_first[1:])) - 1


def _with_rows(dataset: Dataset) -> list[str]:
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return [name for name, rows in splits.items() if num_rows_of(rows)]


def _length(columns: dict[str, np.ndarray]) -> int:
    return len(next(iter(columns.values())))
