"""What a query is not to be shown: what it has seen, and what the caller says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mtframework.errors import DataError
from mtframework.model.histories import candidates_in_request
from mtframework.model.requests import check_lengths

Hidden = tuple[Sequence[Sequence], Callable[[Sequence], np.ndarray]]
_LISTS = (list, tuple, np.ndarray)


def excluded_rows(
    model,
    queries: Mapping[str, Any],
    exclude_seen: bool,
    hidden: Hidden | None,
    task: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the candidates' rows that are hidden from each query, one run a query.

    Args:
        model: A trained `MultiTaskModel`.
        queries: The raw columns of the queries; their key among them where `exclude_seen`.
        exclude_seen: Whether to hide what the query has seen in the training rows, and what is in
            the history that it brings.
        hidden: For each query a list of candidates, which may hold unknown ones; and what gives the
            rows of candidates, -1 of unknown ones.
        task: The task that says what counts as seen.

    Returns:
        The offsets, `[num_queries + 1]`, and the rows, int64: from query i
        `rows[offsets[i]:offsets[i + 1]]` are hidden.

    Raises:
        DataError: `hidden` has no list a query.
    """
    num_queries = check_lengths(queries)
    owners, rows = [np.zeros(0, "int64")], [np.zeros(0, "int64")]
    key = model.schema.query_key
    if exclude_seen and key in queries:
        offsets, seen = model.catalogue.seen_of(model.vocabularies[key].ids(queries[key]), task)
        owners.append(np.repeat(np.arange(num_queries), np.diff(offsets)))
        rows.append(seen.astype("int64"))
    if exclude_seen and model.max_length and model.tasks[task].hides_seen:
        owner, seen = candidates_in_request(model, queries)
        owners.append(owner)
        rows.append(seen)
    if hidden is not None:
        exclude, rows_of = hidden
        is_list = isinstance(exclude, _LISTS) and len(exclude) == num_queries
        if not is_list or not all(isinstance(each, _LISTS) for each in exclude):
            raise DataError(
                f"exclude is {exclude!r}, for {num_queries} queries.",
                "For each query a list of candidates, which may be empty.",
                "Write for example exclude=[['a', 'b'], []] for two queries.",
            )
        found = rows_of([name for each in exclude for name in each])
        owner = np.repeat(np.arange(num_queries), [len(each) for each in exclude])
        owners.append(owner[found >= 0])
        rows.append(found[found >= 0])
    owner = np.concatenate(owners)
    counts = np.bincount(owner, minlength=num_queries)
    in_order = np.concatenate(rows)[np.argsort(owner, kind="stable")]
    return np.concatenate([[0], np.cumsum(counts)]), in_order
