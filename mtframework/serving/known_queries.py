"""The queries that a model knows."""

import numpy as np

from mtframework.errors import ModelError, quoted_list
from mtframework.model.known_columns import lasting_columns
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


def known_queries(model) -> dict[str, np.ndarray]:
    """Returns the key of every query that training met, sorted; the model knows the rest of it.

    Args:
        model: A trained `MultiTaskModel`.

    Raises:
        ModelError: The towers read columns that differ from event to event, or the model was saved
            by a version that kept no query's columns.
    """
    key, columns = model.schema.query_key, query_columns(model)
    times = timestamps(model.schema, columns)
    events = [each for each in event_columns(model) if each not in times]
    if events:
        raise ModelError(
            f"The model's query towers read {quoted_list(events)}, which differ from event to "
            "event.",
            "Query columns only, which have one value for each query.",
            "Give the queries with all their columns.",
        )
    names = model.vocabularies[key].known_values
    lasting = lasting_columns(model.schema, columns)
    if not lasting:
        return {key: names}
    if not model.queries.columns:
        raise ModelError(
            f"The model's query towers read {quoted_list(lasting)}, and its file says them of no "
            "query, since version 0.1 wrote it.",
            "A model that knows the columns of its queries.",
            "Give the queries with all their columns, or train again.",
        )
    return {key: names[model.queries.is_known[1:]]}
