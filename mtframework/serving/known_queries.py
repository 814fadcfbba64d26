"""The queries that a model knows, with the columns that describe them."""

import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.data.rows import last_of_each
from mtframework.errors import ModelError, quoted_list
from mtframework.model.pair_scores import query_and_candidate_towers
from mtframework.model.recommend import timestamps


def query_columns(model) -> tuple[str, ...]:
    """Returns the columns that describe a query: its key, and what the query towers read."""
    towers, _ = query_and_candidate_towers(model)
    read = (each for name in towers for each in model.towers[name].columns)
    return tuple(dict.fromkeys((model.schema.query_key, *read)))


def event_columns(model) -> tuple[str, ...]:
    """Returns those of them that differ from event to event, so that no query has one value."""
    return tuple(each for each in query_columns(model) if model.schema[each].role != "query")


def lasting_columns(model) -> tuple[str, ...]:
    """Returns the columns that describe a query whenever it asks: all of them but the time."""
    columns = query_columns(model)
    times = timestamps(model.schema, columns)
    return tuple(each for each in columns if each not in times)


def known_queries(model, dataset: Dataset | None = None) -> dict[str, np.ndarray]:
    """Returns the raw columns of every query that training met, but for the time, sorted by key.

    Args:
        model: A trained `MultiTaskModel`.
        dataset: What it was trained on, of which each query's last row counts; not needed where
            the query towers read the key alone.

    Raises:
        ModelError: The towers read columns that differ from event to event, or more than the key
            and there is no data set.
    """
    key, columns = model.schema.query_key, lasting_columns(model)
    events = [each for each in columns if model.schema[each].role != "query"]
    if events:
        raise ModelError(
            f"The model's query towers read {quoted_list(events)}, which differ from event to "
            "event.",
            "Query columns alone, of which a query has one value.",
            "Say of which events: give the queries with all their columns.",
        )
    if columns == (key,):
        return {key: model.vocabularies[key].known_values}
    if dataset is None:
        raise ModelError(
            f"The model's query towers read {quoted_list(columns)}, and the model knows the keys "
            "alone.",
            "The data set that says what the queries are.",
            "Give the data set, or the queries with all their columns.",
        )
    rows = last_of_each(dataset.train, key, columns)
    ids = model.vocabularies[key].ids(rows[key])
    known, last = np.unique(ids[::-1], return_index=True)
    chosen = len(ids) - 1 - last[known > 0]
    return {name: np.asarray(rows[name])[chosen] for name in columns}
