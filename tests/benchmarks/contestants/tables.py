"""A training step with one large table: `tables.py {tensorflow|jax|torch} ROWS {rows|whole}`.

`whole` is Keras's own update of the whole table. No data are read: ids are drawn, and the model is
built for so many of them.
"""

import os
import sys
from types import SimpleNamespace
from typing import Any

os.environ["KERAS_BACKEND"] = sys.argv[1]

import keras
import numpy as np
from timing import report

import mtframework as mtf

BATCH, DIM, CANDIDATES = 1024, 32, 10_000


def main(num_rows: int, how: str) -> None:
    model = mtf.MultiTaskModel(
        towers=[
            mtf.Tower("user", ["user"], embedding_dim=DIM),
            mtf.Tower("item", ["item"], embedding_dim=DIM),
        ],
        tasks=[
            mtf.Ranking("rating", label="stars", hidden_units=[32]),
            mtf.Retrieval("watch", query="user", candidate="item", logq=False),
        ],
    )
    sizes = {"user": num_rows, "item": CANDIDATES}
    model.build_from_config({"num_ids": sizes})
    model.schema = mtf.Schema(
        columns=(
            mtf.Column("user", "categorical", "query"),
            mtf.Column("item", "categorical", "candidate"),
            mtf.Column("stars", "numeric", "label"),
        ),
        query_key="user",
        candidate_key="item",
    )
    vocabularies: Any = {name: SimpleNamespace(size=size) for name, size in sizes.items()}
    model.vocabularies = vocabularies
    tables = mtf.EmbeddingOptimizer(dense_up_to=CANDIDATES if how == "rows" else None)
    model.compile(keras.optimizers.Adagrad(0.1), embedding_optimizer=tables)
    draw = np.random.default_rng(0)
    batches = [
        (
            {name: draw.integers(1, size, BATCH, "int32") for name, size in sizes.items()},
            {"stars": draw.normal(size=BATCH).astype("float32")},
        )
        for _ in range(8)
    ]
    numbers = iter(range(1_000_000))
    report(lambda: model.train_on_batch(*batches[next(numbers) % len(batches)]), 30, warm_ups=5)


if __name__ == "__main__":
    main(int(sys.argv[2]), sys.argv[3])
