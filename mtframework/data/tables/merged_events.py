"""One row an event to one row a query and candidate, with a label for each kind of event."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.tables.table_columns import TableColumns
from mtframework.data.tables.table_reader import codes_of
from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.schema.classes import MISSING


def chosen_events(
    table: pa.Table, event: str, kinds: Iterable[str], passed_over: dict[str, int]
) -> pa.Table:
    """Returns the events of some kinds, and counts those of others in `passed_over`.

    Args:
        table: The events, as `read_table` returns them.
        event: The column that names the kind.
        kinds: The kinds.
        passed_over: How many events there were of each other kind; added to.
    """
    wanted = pa.array(list(kinds), table[event].type)
    is_wanted = pc.is_in(table[event], value_set=wanted)
    others = table[event].filter(pc.invert(is_wanted))
    for each in others.value_counts().to_pylist():
        passed_over[each["values"]] = passed_over.get(each["values"], 0) + each["counts"]
    return table.filter(is_wanted)


def told_of_kinds(
    merged: pa.Table, kinds: Mapping[str, str | None], passed_over: Mapping[str, int]
) -> list[str]:
    """Returns what to know of the kinds: which were passed over, and labels that tell nothing.

    Args:
        merged: The training rows, as `merge_events` returned them.
        kinds: The kinds, each with the column of its values, or None.
        passed_over: As `chosen_events` counted them.

    Raises:
        DataError: There is no event of a kind, and events of another one that is written alike.
    """
    told = []
    if passed_over:
        named = ", ".join(f'{count:,} "{kind}"' for kind, count in sorted(passed_over.items()))
        told.append(f"Passed over, since Tables.events does not list them: {named}.")
    for kind, source in kinds.items():
        if source is not None or not len(merged):
            continue
        happened = merged[kind].to_numpy()
        if not happened.any():
            found = f'Tables.events lists "{kind}", and no row is of that kind.'
            if meant := did_you_mean(kind, passed_over):
                others = quoted_list([*passed_over, *(each for each in kinds if each != kind)])
                raise DataError(
                    f"{found}{meant}",
                    f"Kinds that rows have; others are {others}.",
                    "Correct Tables.events, or leave the kind out.",
                )
            told.append(found)  # a day without purchases, say, from which a training goes on
        if happened.all():
            told.append(
                f'The label "{kind}" is 1 in every row, since each pair of the log has such an '
                "event: a Retrieval learns from it, a BinaryFeedback has nothing to tell apart."
            )
    return told


def merge_events(
    table: pa.Table, columns: TableColumns, event: str, kinds: Mapping[str, str | None]
) -> pa.Table:
    """Returns one row for each query and candidate that have an event.

    Each kind becomes a label: 1 where such an event happened and 0 where none did; for a kind with
    a column of values, the latest value, missing where none is. Label columns of the file keep
    their latest value, too, and everything else, the timestamp included, is the latest event's.
    So a view that led to a purchase is one row, and not one against the other.

    Args:
        table: The events, as `read_table` returns them.
        columns: What the columns are.
        event: The column that names the kind.
        kinds: The kinds, each with the column of its values, or None.
    """
    pairs = codes_of(table, [columns.query_key, columns.candidate_key])
    rows = np.arange(table.num_rows)
    when = table[columns.timestamp].to_numpy() if columns.timestamp else rows
    order = np.lexsort((rows, when, pairs))
    is_last = np.append(pairs[order][1:] != pairs[order][:-1], True)[: len(order)]
    merged_of = np.cumsum(is_last) - is_last  # the merged row of each event, in order
    latest = order[is_last]
    names = table[event].to_numpy()[order]

    def latest_value(values: np.ndarray) -> np.ndarray:
        is_text = values.dtype.kind == "O"
        missing = MISSING if is_text else np.nan
        found = np.full(len(latest), missing, values.dtype)
        present = values != MISSING if is_text else ~np.isnan(values)
        found[merged_of[present]] = values[present]  # of several the last one stays
        return found

    labels = {}
    for label in columns.schema.names("label"):
        happened = names == label
        if label not in kinds:
            labels[label] = latest_value(table[label].to_numpy()[order])
        elif (source := kinds[label]) is not None:
            values = table[source].to_numpy()[order]
            if values.dtype.kind == "O":
                raise DataError(
                    f'The column "{source}" is declared as categories, and holds the values of the '
                    f'kind "{label}".',
                    "A column of numbers.",
                    f'Declare it as a "label", or let the kind have no values: "{label}": None.',
                )
            labels[label] = latest_value(np.where(happened, values, np.nan))
        else:
            labels[label] = np.zeros(len(latest))
            labels[label][merged_of[happened]] = 1
    in_order = np.argsort(latest)  # as the log has them
    others = [column.name for column in columns.schema if column.role != "label"]
    merged = table.select([name for name in others if name in table.column_names]).take(
        latest[in_order]
    )
    for label, values in labels.items():
        kind = pa.large_string() if values.dtype.kind == "O" else None
        merged = merged.append_column(label, pa.array(values[in_order], kind))
    return merged
