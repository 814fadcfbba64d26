"""Small data and models in which parts are checked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.data.batches import Batches
from mtframework.data.dataset import Dataset
from mtframework.model.histories import histories_of_request
from mtframework.model.model import MultiTaskModel
from mtframework.schema.events import LENGTHS
from mtframework.schema.schema import Column, Kind, Schema
from mtframework.tasks.ranking import Ranking
from mtframework.towers.tower import Tower

QUERY, CANDIDATE, WEIGHT = "contract_query", "contract_candidate", "contract_weight"
"""Columns of the data; no label of anyone's own is named so."""

NUM_ROWS = 32
NUM_QUERIES = 5
NUM_CANDIDATES = 12

Rows = dict[str, np.ndarray]


def example_dataset(labels: Mapping[str, Sequence[float | str]]) -> Dataset:
    """Returns a data set with those label columns, whose values are drawn from the given ones.

    Texts make a categorical label.
    """
    kinds: dict[str, Kind] = {
        name: "categorical" if isinstance(values[0], str) else "numeric"
        for name, values in labels.items()
    }
    schema = Schema(
        columns=(
            Column(QUERY, "categorical", "query"),
            Column(CANDIDATE, "categorical", "candidate"),
            Column(WEIGHT, "numeric", "weight"),
            *(Column(name, kind, "label") for name, kind in kinds.items()),
        ),
        query_key=QUERY,
        candidate_key=CANDIDATE,
    )
    return Dataset(
        schema=schema,
        train=_rows(labels, 3 * NUM_ROWS, seed=1),
        test=_rows(labels, NUM_ROWS, seed=2),
        catalogue={CANDIDATE: np.arange(NUM_CANDIDATES)},
        name="the contract's data",
    )


def example_towers(query: str = "query", candidate: str = "candidate") -> list[Tower]:
    """Returns a tower of queries and one of candidates."""
    return [
        Tower(query, [QUERY], embedding_dim=6),
        Tower(candidate, [CANDIDATE], embedding_dim=6),
    ]


def example_model(task_names: Sequence[str], **parts: Any) -> tuple[MultiTaskModel, Dataset]:
    """Returns a model of a ranking task for each name, with other parts, and its data."""
    tasks = [Ranking(name, f"contract_{name}", hidden_units=[]) for name in task_names]
    data = example_dataset({task.label: (1.0, 2.0, 5.0) for task in tasks})
    return adapted(MultiTaskModel(example_towers(), tasks, **parts), data), data


def adapted(model: MultiTaskModel, data: Dataset) -> MultiTaskModel:
    """Returns the model, adapted, with random weights in place of zeros and near zeros."""
    model.adapt(data)
    draw = np.random.default_rng(3)
    for variable in model.trainable_variables:
        if not variable.overwrite_with_gradient:
            variable.assign(0.5 * draw.normal(size=variable.shape))
    return model


def train(model: MultiTaskModel, rows: Rows, compiled: bool = False, optimizer: Any = None) -> None:
    """Trains one epoch of batches of equal size, eagerly unless `compiled`.

    A model keeps the optimizer that it is first trained with.
    """
    if not model.compiled:
        model.compile(optimizer or keras.optimizers.Adam(0.01), run_eagerly=not compiled)
    rows = with_histories(model, rows)
    if LENGTHS in rows:
        rows[LENGTHS][::NUM_ROWS] = 0  # of whom nothing is known
    names = tuple(name for name in rows if name not in model.schema)
    features = (*model.feature_columns, *names)
    columns = (features, model.label_columns, model.sample_weight_columns)
    model.fit(Batches(rows, *columns, batch_size=NUM_ROWS, shuffle=False), epochs=1, verbose=0)


def with_histories(model: MultiTaskModel, rows: Rows) -> Rows:
    """Returns encoded rows with what the model knows of their queries, where towers read it."""
    return {**rows, **histories_of_request(model, {}, rows)}


def inputs_of(model: MultiTaskModel, rows: Rows) -> tuple[dict, dict, dict]:
    """Returns features, labels and sample weights as tensors."""
    names = (model.feature_columns, model.label_columns, model.sample_weight_columns)
    features, labels, weights = (
        {name: ops.convert_to_tensor(rows[name]) for name in part} for part in names
    )
    return features, labels, weights


def values_of(variables: Sequence[Any]) -> list[np.ndarray]:
    """Returns what the variables hold, as NumPy arrays of their own."""
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Sets the dtype policy of what is made in the block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _rows(labels: Mapping[str, Sequence[float | str]], num_rows: int, seed: int) -> Rows:
    draw = np.random.default_rng(seed)
    columns = {}
    for name, values in labels.items():
        of_class = np.asarray(values, None if isinstance(values[0], str) else "float32")
        columns[name] = draw.permutation(np.resize(of_class, num_rows))
    return {
        QUERY: draw.integers(0, NUM_QUERIES, num_rows),
        CANDIDATE: draw.integers(0, NUM_CANDIDATES, num_rows),
        WEIGHT: draw.uniform(0.5, 2.0, num_rows).astype("float32"),
        **columns,
    }
