"""Rows of a Parquet file that are streamed: `stream.py {vocabulary|batches|bar} NUM_ROWS`.

`bar` is no contestant: it gives the time and the memory that must not be exceeded.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

NUM_USERS, NUM_FILMS = 200_000, 50_000
ROWS_A_SECOND, PEAK_MIB = 500_000, 2048
COLUMNS = {
    "user": "query key",
    "film": "candidate key",
    "stars": "label",
    "hours": "numeric context",
    "at": "timestamp",
}


def write(path: str, num_rows: int) -> None:
    """Writes the file, in row groups of 2^20 rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(0)
    users = pa.array([f"user {each:06}" for each in range(NUM_USERS)])
    films = pa.array([f"film {each:05}" for each in range(NUM_FILMS)])
    writer = None
    for start in range(0, num_rows, 1 << 20):
        size = min(1 << 20, num_rows - start)
        columns = {
            "user": users.take(pa.array(draw.integers(0, NUM_USERS, size))),
            "film": films.take(pa.array(draw.integers(0, NUM_FILMS, size))),
            "stars": draw.integers(1, 6, size),
            "hours": draw.random(size),
            "at": 1_600_000_000 + np.arange(start, start + size),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def measure(part: str, path: str) -> None:
    from timing import peak_mib

    import mtframework as mtf
    from mtframework.data.streaming.streamed_batches import StreamedBatches

    tables = mtf.Tables(path, COLUMNS, test_fraction=0.01, in_memory=False)
    began = time.perf_counter()
    data = tables.load([].append)
    if part == "batches":
        features = ["user", "film", "hours"]
        batches = StreamedBatches(
            data.train, data.schema, data.vocabularies, features, ["stars"], batch_size=8192
        )
        began = time.perf_counter()
        assert sum(len(labels["stars"]) for _, labels in batches) == data.train.num_rows
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib()}))


def main() -> None:
    part, num_rows = sys.argv[1], int(sys.argv[2])
    if part == "bar":
        print(json.dumps({"seconds": num_rows / ROWS_A_SECOND, "peak_mib": PEAK_MIB}))
    elif part == "write":
        write(sys.argv[3], num_rows)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "log.parquet")
            # In another process, so that its memory is not counted.
            subprocess.run([sys.executable, __file__, "write", str(num_rows), path], check=True)
            measure(part, path)


if __name__ == "__main__":
    main()
