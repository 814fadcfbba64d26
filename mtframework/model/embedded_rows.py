"""What towers make of many encoded rows, block by block."""

from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops

from mtframework.metrics.finite import check_not_diverged

_ROWS_AT_ONCE = 1 << 16


def embed_rows(
    model, towers: Sequence[str], encoded: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the embeddings of encoded rows by tower, `[num_rows, dim]` float32.

    Beside them are the biases of candidates, `"tower/task"`, where a task has them.

    Raises:
        ModelError: An embedding is not finite.
    """
    num_rows = len(next(iter(encoded.values()), ()))
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, max(num_rows, 1), _ROWS_AT_ONCE):
        block = {name: each[start : start + _ROWS_AT_ONCE] for name, each in encoded.items()}
        for name, each in model.embed(towers, block).items():
            parts.setdefault(name, []).append(np.asarray(ops.convert_to_numpy(each), "float32"))
    embeddings = {name: np.concatenate(each) for name, each in parts.items()}
    for name, each in embeddings.items():
        check_not_diverged(f'embeddings of the tower "{name}"', each)
    return embeddings


def embed_queries(
    model, towers: Sequence[str], encoded: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns what `embed_rows` does, of query towers, and what the tasks make of it.

    See `MultiTaskModel.with_query_views`.

    Raises:
        ModelError: An embedding is not finite.
    """
    embeddings = embed_rows(model, towers, encoded)
    num_rows = len(next(iter(embeddings.values())))
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, max(num_rows, 1), _ROWS_AT_ONCE):
        block = {name: each[start : start + _ROWS_AT_ONCE] for name, each in embeddings.items()}
        for name, each in model.with_query_views(block).items():
            parts.setdefault(name, []).append(np.asarray(ops.convert_to_numpy(each), "float32"))
    return {name: np.concatenate(each) for name, each in parts.items()}
