"""The tasks in a model, beside the built-in ones that compute the same."""

import importlib.metadata

import keras
import mtf_tfrs
import numpy as np
import pytest
from mtf_tfrs import TfrsRanking, TfrsRetrieval

import mtframework as mtf

TOWERS = {"query": "user", "candidate": "movie"}


def trained(dataset, ranking, retrieval):
    """Returns a model of two tasks after two epochs, and each epoch's metrics."""
    keras.utils.set_random_seed(0)
    tasks = [
        ranking("rating", label="user_rating", hidden_units=[8]),
        retrieval(
            "watch", "user_rating", 0.01, positive_from=3.0, logq=True, reduction="sum", **TOWERS
        ),
    ]
    towers = [mtf.Tower("user", ["user_id"], 4), mtf.Tower("movie", ["movie_title"], 4)]
    model = mtf.MultiTaskModel(towers, tasks)
    model.adapt(dataset)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    columns = (model.feature_columns, model.label_columns)
    batches = mtf.Batches(dataset.encode(dataset.train), *columns, batch_size=50)
    return model, model.fit(batches, epochs=2, verbose=0).history


def test_they_train_as_the_built_in_tasks_do_and_save_and_load(dataset, tmp_path):
    model, history = trained(dataset, TfrsRanking, TfrsRetrieval)
    _, expected = trained(dataset, mtf.Ranking, mtf.Retrieval)
    assert history.keys() == expected.keys()
    assert history["loss"][1] < history["loss"][0]
    for name in ("loss", "rating/loss", "rating/rmse", "watch/loss"):
        assert history[name] == pytest.approx(expected[name], rel=1e-4)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    test = model.encode(dataset.test)
    before, after = model.predict(test, verbose=0), loaded.predict(test, verbose=0)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-5)
    assert "watch/top_5" in mtf.evaluate(loaded, dataset, top_k=[5])
    assert loaded.recommend({"user_id": [1]}, k=2)["movie_title"].shape == (1, 2)


@pytest.mark.parametrize(
    "task",
    [
        TfrsRanking("rating", label="x", hidden_units=[4], loss="huber"),
        TfrsRetrieval("watch", temperature=0.5, num_hard_negatives=2, logq=True, **TOWERS),
    ],
    ids=lambda task: task.name,
)
def test_config_makes_an_equal_task(task):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(task))
    assert again.get_config() == task.get_config()


def test_an_empty_batch_has_no_losses():
    towers = {name: np.zeros((0, 4), "float32") for name in ("user", "movie")}
    inputs = {"towers": towers, "ids": {"movie": np.zeros(0, "int32")}}
    assert TfrsRetrieval("watch", **TOWERS).example_losses(None, None, inputs).shape == (0,)
    empty = np.zeros(0, "float32")
    assert TfrsRanking("rating", label="x").example_losses(empty, empty, {}).shape == (0,)


def test_message_names_the_class_that_was_written():
    with pytest.raises(mtf.MtframeworkError, match=r"Correct watch/TfrsRetrieval\.temperature"):
        TfrsRetrieval("watch", temperature=0.0, **TOWERS)


def test_the_host_finds_the_plugin():
    found = importlib.metadata.entry_points(group="mtframework.plugins")
    assert "mtf_tfrs" in {entry_point.value for entry_point in found}
    for name in mtf_tfrs.__all__:
        assert issubclass(getattr(mtf_tfrs, name), mtf.Task)
