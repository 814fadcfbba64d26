"""Embeddings as Parquet files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def write_embeddings(path: Path, key: str, ids: np.ndarray, towers: Mapping[str, np.ndarray]):
    """Writes a row an id: the id, and each tower's embedding as a list of float32.

    Args:
        path: The file.
        key: The name of the ids' column.
        ids: `[num_rows]` strings.
        towers: `{tower: [num_rows, dim]}` float32; a tower is a column `"{tower}_embedding"`.
    """
    import pyarrow as pa
    import pyarrow.parquet

    columns: dict[str, pa.Array] = {key: pa.array(ids, pa.string())}
    for tower, embeddings in towers.items():
        flat = pa.array(np.ascontiguousarray(embeddings).ravel())
        lists = pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1])
        columns[f"{tower}_embedding"] = lists
    pyarrow.parquet.write_table(pa.table(columns), path)
