"""A recommender as a folder that is served without Keras."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from mtframework.errors import ModelError, RunError
from mtframework.model.known_columns import encode_known
from mtframework.model.model import MultiTaskModel
from mtframework.model.recommend import as_of_now, check_query_key
from mtframework.model.requests import check_lengths, request_columns
from mtframework.schema.vocabulary import as_strings
from mtframework.serving.embedding_files import write_embeddings
from mtframework.serving.recommender import Recommender
from mtframework.serving.saved_model import write_saved_model


def export(
    recommender: Recommender | MultiTaskModel,
    path: str | os.PathLike,
    queries: Mapping[str, Any] | None = None,
) -> None:
    """Writes a recommender as a SavedModel, which needs TensorFlow and nothing else.

    The folder is what `tf.saved_model.load` and TensorFlow Serving read, with two signatures.
    Categories go in as strings (several of one row with `|` between them), numbers as float32,
    timestamps as int64 seconds, one of each a row.

    - `recommend`: the query's columns; `k` (int32); `exclude`, candidates to leave out,
      `[num_queries or 1, any]` strings, `""` for none; `exclude_seen` (bool). It gives what
      `Recommender.recommend` does: `ids`, `score`, and `score/{task}` for every task, each
      `[num_queries, k]`.
    - `score`: the columns of pairs of a query and a candidate. It gives every task's score,
      `[num_pairs]`, as `predict` does.

    Where a tower reads histories, both take `history` as well, the candidates of each row's events,
    the latest one last: `[num_rows, any]` strings, `""` for none, and what else a tower reads of
    events as `history_{column}` in the same shape (labels as float32, NaN where missing). A row
    without an event has those that the model keeps of its query.

    Characters of a column's or task's name that TensorFlow does not allow become `_`.

    Beside it are `candidate_embeddings.parquet` and, with `queries`, `query_embeddings.parquet`:
    the id, and a list of float32 a tower. Where a retrieval has a query embedding or candidate
    biases of its own, they are the columns `"tower/task_embedding"`.

    Args:
        recommender: What to write, candidates that were added included. Its search is exact. Of a
            model, the recommender that sorts by its first retrieval task.
        path: A new or empty folder.
        queries: Raw columns of the queries whose embeddings to write; of one that training met, the
            key is enough.

    Raises:
        ModelError: Keras does not run on TensorFlow, or two columns would have one name.
        RunError: The folder is there and not empty, or cannot be written.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras runs on {keras.backend.backend()}, and a SavedModel is TensorFlow's.",
            "Keras on TensorFlow; the weights are the same on every backend.",
            "Run it again with KERAS_BACKEND=tensorflow, as in "
            "KERAS_BACKEND=tensorflow mtframework export RUN DIR.",
        )
    if isinstance(recommender, MultiTaskModel):
        recommender = Recommender(recommender)
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RunError(
            f"{target} exists and is not empty.",
            "A new or an empty folder: nothing is ever overwritten.",
            "Name another folder, or remove this one.",
        )
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            partial.mkdir(parents=True)
            write_saved_model(recommender, partial)
            candidates = recommender.candidates
            write_embeddings(
                partial / "candidate_embeddings.parquet",
                candidates.key,
                candidates.names,
                candidates.embeddings,
            )
            if queries is not None:
                _write_queries(partial / "query_embeddings.parquet", recommender, queries)
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise RunError(
            f"{target} cannot be written: {error.strerror or error}.",
            "A folder that can be written.",
            "Name another folder, or correct its permissions or the disk's free space.",
        ) from error


def _write_queries(path: Path, recommender: Recommender, queries: Mapping[str, Any]) -> None:
    model, key = recommender.model, recommender.model.schema.query_key
    columns = request_columns(model, queries)
    check_query_key(key, columns)
    check_lengths(columns)
    encoded = encode_known(model, as_of_now(model, columns))
    embeddings = recommender.embed_queries(encoded)
    write_embeddings(path, key, as_strings(columns[key]), embeddings)
