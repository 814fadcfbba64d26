"""A model learns from streamed rows what it learns from the same rows in memory."""

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtframework as mtf
from mtframework.data.streaming import streamed_tables

COLUMNS = {
    "user": "query key",
    "age": "numeric query",
    "film": "candidate key",
    "stars": "label",
    "at": "timestamp",
}


def tables(path, in_memory: bool) -> mtf.Tables:
    shares = {"test_fraction": 0.2, "validation_fraction": 0.1}
    return mtf.Tables(str(path), COLUMNS, split="temporal", in_memory=in_memory, **shares)


def model() -> mtf.MultiTaskModel:
    towers = [
        mtf.HistoryTower("user", "film", "user", ["user", mtf.Normalized("age")], embedding_dim=4),
        mtf.Tower("film", ["film"], embedding_dim=4),
    ]
    tasks = [
        mtf.Ranking("rating", label="stars", hidden_units=[4]),
        mtf.Retrieval("watch", query="user", candidate="film"),
    ]
    return mtf.MultiTaskModel(towers, tasks)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streamed_tables, "BLOCK_ROWS", 64)
    draw = np.random.default_rng(0)
    users = draw.integers(0, 20, 600)
    users[560:] = draw.integers(20, 24, 40)  # whom training never meets
    table = pa.table(
        {
            "user": users,
            "age": 20.0 + users,
            "film": draw.integers(0, 15, 600),
            "stars": (users % 5) + draw.random(600),
            "at": np.arange(600),
        }
    )
    pq.write_table(table, "log.parquet", row_group_size=40)
    return tmp_path / "log.parquet"


def test_streamed_rows_train_and_evaluate(path):
    streamed, whole = (tables(path, each).load([].append) for each in (False, True))
    trained = mtf.train(
        mtf.Experiment(
            tables(path, False), model(), keras.optimizers.Adam(0.02), batch_size=64, epochs=4
        ),
        dataset=streamed,
    )
    losses = trained.history["rating/loss"]
    assert losses[-1] < losses[0]
    assert trained.history["val_rating/loss"]
    other = model()
    other.adapt(whole)
    assert trained.model.catalogue.seen_offsets.tolist() == other.catalogue.seen_offsets.tolist()
    assert trained.model.catalogue.seen_rows.tolist() == other.catalogue.seen_rows.tolist()
    means = [each.towers["user"].profile.encoder.parts[1].mean for each in (trained.model, other)]
    np.testing.assert_allclose(*map(float, means), rtol=1e-6)
    assert mtf.evaluate(trained.model, streamed) == mtf.evaluate(trained.model, whole)
    known = other.queries.columns
    assert trained.model.queries.columns.keys() == known.keys() > set()
    for name, values in trained.model.queries.columns.items():
        np.testing.assert_array_equal(values, known[name])


class CutOff(keras.callbacks.Callback):
    """Cuts a file off after an epoch."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        self.path.write_bytes(self.path.read_bytes()[:4000])


def test_a_file_that_is_cut_off_while_training_is_one_error(path):
    optimizer = keras.optimizers.Adam(0.02)
    experiment = mtf.Experiment(tables(path, False), model(), optimizer, batch_size=64, epochs=2)
    dataset = tables(path, False).load([].append)
    with pytest.raises(mtf.MtframeworkError, match=r"log\.parquet cannot be read: "):
        mtf.train(experiment, dataset=dataset, callbacks=[CutOff(path)])
