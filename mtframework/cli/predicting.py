"""Predictions and recommendations as the commands show them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from mtframework.cli import output
from mtframework.cli.rows import as_columns
from mtframework.cli.unknown_keys import UnknownKeys
from mtframework.errors import DataError, quoted_list
from mtframework.model.known_columns import catalogue_columns, encode_known, lasting_columns
from mtframework.model.pair_scores import flat_scores
from mtframework.model.recommend import as_of_now, check_k, timestamps

if TYPE_CHECKING:
    from mtframework.model.model import MultiTaskModel
    from mtframework.serving.recommender import Recommender
    from mtframework.training.experiment import Experiment


def predictions(model: "MultiTaskModel", columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns `{task: [num_rows]}` of raw columns; `task/part` where a task predicts several.

    What the rows do not say of their candidates, and of queries that training met, the model knows;
    where they have no time they are of now.
    """
    encoded = encode_known(model, as_of_now(model, columns))
    return flat_scores(model.predict(encoded, verbose=0))


def check_requests(
    experiment: "Experiment",
    rows: Sequence[Mapping[str, str]],
    queries: Sequence[Mapping[str, str]],
    k: int,
) -> None:
    """Checks, before an experiment trains, what it shall predict and recommend after it.

    Loads its data where there are queries: how many candidates there are is not known before.

    Raises:
        DataError: A column of a row or query is unknown, missing, or holds no number.
        ModelError: There are fewer than `k` candidates.
    """
    model, schema = experiment.model, getattr(experiment.dataset, "schema", None)
    if schema is not None:
        for requests in (rows, queries):
            as_columns(model.request_columns, schema, requests)
    needed = model.feature_columns if rows else ()
    if schema is not None:
        known = {
            *catalogue_columns(schema, needed),
            *lasting_columns(schema, needed),
            *timestamps(schema, needed),
        }
        needed = [name for name in needed if name not in known]
    for name in needed:
        if name not in rows[0]:
            raise DataError(
                f'The row to predict lacks the column "{name}".',
                f"The columns {quoted_list(needed)}.",
                "Add the column.",
            )
    if queries:
        dataset = experiment.dataset.load()
        check_k(k, len(dataset.catalogue[dataset.schema.candidate_key]))


def print_predictions(
    console: Console, name: str, model: "MultiTaskModel", rows: Sequence[Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Prints each task's prediction for each row, and returns them."""
    if not rows:
        return []
    read = as_columns(model.request_columns, model.schema, rows)
    found = predictions(model, read)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = output.table(*columns, *found, numbers_from=len(columns))
    results = []
    for position, row in enumerate(rows):
        values = {task: float(scores[position]) for task, scores in found.items()}
        table.add_row(*(row[column] for column in columns), *map(output.number, values.values()))
        results.append({**row, **values})
    output.heading(console, f"{name} predicts")
    console.print(table)
    unknown = UnknownKeys(model)
    unknown.add(read)
    unknown.tell()
    return results


def print_recommendations(
    console: Console,
    name: str,
    recommender: "Recommender",
    queries: Sequence[Mapping[str, str]],
    k: int,
    exclude_seen: bool = True,
) -> list[dict[str, Any]]:
    """Prints each query's best candidates, and returns them.

    Where scores are fused, each task's is shown as well.
    """
    results = []
    if not queries:
        return results
    model, key = recommender.model, recommender.candidates.key
    columns = as_columns(model.request_columns, model.schema, queries)
    best = recommender.recommend(columns, k, exclude_seen)
    tasks = list(best.scores) if recommender.is_fused else []
    for row, query in enumerate(queries):
        asked = ", ".join(f"{column}={value}" for column, value in query.items())
        seen = "without what it has seen" if exclude_seen else "with what it has seen"
        table = output.table("", key, "score", *tasks)
        table.columns[0].justify, table.columns[1].justify = "right", "left"
        found = []
        for place in np.flatnonzero(best.ids[row] != ""):
            each = {key: str(best.ids[row, place]), "score": float(best.score[row, place])}
            scores = {task: float(best.scores[task][row, place]) for task in tasks}
            numbers = map(output.number, (each["score"], *scores.values()))
            table.add_row(str(place + 1), each[key], *numbers)
            found.append({**each, "scores": scores} if tasks else each)
        output.heading(console, f"{name} recommends to {asked}, {seen}")
        console.print(table)
        results.append({"query": dict(query), "recommendations": found})
    unknown = UnknownKeys(model)
    unknown.add(columns)
    unknown.tell()
    return results
