"""Predictions and recommendations of whole files. Imports Keras: for commands to import."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from mtframework.cli.errors import console
from mtframework.cli.predicting import predictions
from mtframework.cli.unknown_keys import UnknownKeys
from mtframework.data.streaming.row_progress import row_progress
from mtframework.data.tables.rejects import Rejects, write_rejects
from mtframework.data.tables.table_blocks import TableBlocks, good_columns
from mtframework.data.tables.table_writer import TableWriter
from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.model.histories import HISTORY, RECENT
from mtframework.model.known_columns import catalogue_columns
from mtframework.model.model import MultiTaskModel
from mtframework.model.recommend import timestamps
from mtframework.serving.known_queries import query_columns
from mtframework.serving.recommender import Recommender

Columns = Mapping[str, np.ndarray]

_QUERIES_AT_ONCE = 8192
_SAMPLE = 1000


def predict_file(model: MultiTaskModel, source: Path, target: TableWriter) -> None:
    """Writes a file's rows with a column `predicted_{task}` for each task.

    What the file does not say of candidates, and of queries that training met, the model knows;
    where it has no time the rows are of now. Bad rows are left out, counted and written beside the
    target.
    """
    blocks, rejects = TableBlocks(source), Rejects(str(source))
    known = (*catalogue_columns(model.schema, model.feature_columns), *model.queries.columns)
    names = _columns_to_read(blocks, model, model.feature_columns, known)
    names += _histories_in(blocks, model)
    unknown = UnknownKeys(model)
    with target as writer, row_progress("rows", blocks.num_rows) as advance:
        for block, columns in _good_blocks(blocks, model, names, rejects):
            unknown.add(columns)
            for task, scores in predictions(model, columns).items():
                name = f"predicted_{task}"
                if name in block.column_names:
                    raise DataError(
                        f'{source} has a column "{name}" already.',
                        "A name that is free for the predictions.",
                        "Rename or remove the column.",
                    )
                block = block.append_column(name, pa.array(scores))
            writer.write(block)
            advance(block.num_rows, blocks.share_read)
        _tell_rejects(rejects, target.path)
    unknown.tell()


def recommend_file(
    recommender: Recommender, source: Path, target: TableWriter, k: int, exclude_seen: bool
) -> Columns:
    """Writes the recommendations of a file's queries, a row each; returns some of the queries."""
    model = recommender.model
    blocks, rejects = TableBlocks(source), Rejects(str(source))
    histories = _histories_in(blocks, model)
    known = (*model.queries.columns, *((model.schema.query_key,) if HISTORY in histories else ()))
    names = [*_columns_to_read(blocks, model, query_columns(model), known), *histories]
    queries = (
        (columns, blocks.share_read) for _, columns in _good_blocks(blocks, model, names, rejects)
    )
    return _recommend(recommender, queries, blocks.num_rows, target, k, exclude_seen, rejects)


def recommend_queries(
    recommender: Recommender, queries: Columns, target: TableWriter, k: int, exclude_seen: bool
) -> Columns:
    """Writes the recommendations of queries, a row each; returns some of the queries."""
    num_queries = len(queries[recommender.model.schema.query_key])
    blocks = (
        ({name: values[start : start + _QUERIES_AT_ONCE] for name, values in queries.items()}, None)
        for start in range(0, max(num_queries, 1), _QUERIES_AT_ONCE)
    )
    return _recommend(recommender, blocks, num_queries, target, k, exclude_seen)


def _columns_to_read(
    blocks: TableBlocks, model: MultiTaskModel, names: Sequence[str], known: Sequence[str] = ()
) -> list[str]:
    """Returns which columns to read of a file; those known otherwise, and times, may be missing."""
    times = timestamps(model.schema, names)
    implied = {*known, *times} - set(blocks.column_names)
    for name in times:
        if name in implied:
            console().print(
                f'{blocks.path} has no column "{name}": its rows are taken to happen now.'
            )
    free = [name for name in blocks.column_names if name not in model.schema]
    misspelt = [name for name in names if name in implied and did_you_mean(name, free)]
    needed = [name for name in names if name not in implied]
    blocks.require([*needed, *misspelt])
    taken = [name for name in names if name in implied and name not in times]
    if taken:
        console().print(
            f"{blocks.path} lacks {quoted_list(taken)}: the model fills in what it knows.",
            markup=False,
        )
    return needed


def _histories_in(blocks: TableBlocks, model: MultiTaskModel) -> list[str]:
    return [each for each in (HISTORY, RECENT) if model.max_length and each in blocks.column_names]


def _good_blocks(
    blocks: TableBlocks, model: MultiTaskModel, names: Sequence[str], rejects: Rejects
) -> Iterator[tuple[pa.Table, Columns]]:
    now = time.time()
    for rows in blocks:
        yield good_columns(rows, model.schema, names, now, rejects)


def _tell_rejects(rejects: Rejects, target: Path) -> None:
    """Says which rows were left out, and writes them beside what was made of the others."""
    for change in rejects.changes():
        console().print(change, markup=False)
    if not rejects.num_rejected:
        return
    if rejects.num_rejected == rejects.num_read:
        raise DataError(
            rejects.summary(),
            "Rows that the model can read.",
            f"Correct the file; its first bad row is {rejects.lines[0]}.",
        )
    beside = target.with_name(f"{target.name}.rejects.jsonl")
    write_rejects(beside, [rejects])
    console().print(rejects.summary())
    console().print(f"The rejected rows are in {beside}.")


def _recommend(
    recommender: Recommender,
    blocks: Iterable[tuple[Columns, float | None]],
    num_queries: int | None,
    target: TableWriter,
    k: int,
    exclude_seen: bool,
    rejects: Rejects | None = None,
) -> Columns:
    key, some = recommender.model.schema.query_key, {}
    unknown = UnknownKeys(recommender.model)
    with target as writer, row_progress("queries", num_queries) as advance:
        for queries, share in blocks:
            unknown.add(queries)
            some = some or {name: each[:_SAMPLE] for name, each in queries.items()}
            found = recommender.recommend(queries, k, exclude_seen)
            is_there = found.ids != ""
            ranks = np.broadcast_to(np.arange(1, k + 1), found.ids.shape)
            names = queries[key] if key in queries else queries[HISTORY]
            asked = np.repeat(np.asarray(names).astype(str)[:, None], k, 1)
            columns = {
                key if key in queries else HISTORY: asked,
                "rank": ranks,
                recommender.candidates.key: found.ids,
                "score": found.score,
            }
            if recommender.is_fused:
                columns |= {f"score_{task}": each for task, each in found.scores.items()}
            writer.write(pa.table({name: each[is_there] for name, each in columns.items()}))
            advance(len(asked), share)
        if rejects is not None:
            _tell_rejects(rejects, target.path)
    unknown.tell()
    return some
