"""What towers make of many encoded rows, block by block."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from mtframework.metrics.finite import check_not_diverged

_ROWS_AT_ONCE = 1 << 16

Columns = Mapping[str, Any]


def embed_rows(
    model, towers: Sequence[str], encoded: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the embeddings of encoded rows by tower, `[num_rows, dim]` float32.

    Beside them are the biases of candidates, `"tower/task"`, where a task has them.

    Raises:
        ModelError: An embedding is not finite.
    """
    return embeddings_of(encoded, lambda block: model.embed(towers, block))


def embed_queries(
    model, towers: Sequence[str], encoded: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns what `embed_rows` does, of query towers, and what the tasks make of it.

    See `MultiTaskModel.with_query_views`.

    Raises:
        ModelError: An embedding is not finite.
    """
    return embeddings_of(encoded, lambda block: model.with_query_views(model.embed(towers, block)))


def embeddings_of(
    encoded: Mapping[str, np.ndarray], embed: Callable[[Columns], Columns]
) -> dict[str, np.ndarray]:
    """Returns what `embed` makes of encoded rows, `[num_rows, dim]` float32.

    Raises:
        ModelError: An embedding is not finite.
    """
    num_rows = len(next(iter(encoded.values()), ()))
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, max(num_rows, 1), _ROWS_AT_ONCE):
        block = {name: each[start : start + _ROWS_AT_ONCE] for name, each in encoded.items()}
        for name, each in embed(block).items():
            parts.setdefault(name, []).append(np.asarray(ops.convert_to_numpy(each), "float32"))
    embeddings = {name: np.concatenate(each) for name, each in parts.items()}
    for name, each in embeddings.items():
        check_not_diverged(f'embeddings of the tower "{name}"', each)
    return embeddings
