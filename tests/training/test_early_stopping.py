"""Which epoch is kept, and when training stops."""

import json
import math

import keras
import numpy as np
import pytest
from shop import make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.data import rows
from mtframework.errors import DataError, ModelError
from mtframework.evaluation.evaluate import metric_directions
from mtframework.schema.encoding import encode_columns
from mtframework.training import early_stopping
from mtframework.training.early_stopping import BestEpoch

BOTH = {"rating/rmse": -1.0, "find/top_10": 1.0}


class Shop(mtf.DatasetSource):
    schema = make_shop().schema

    def __init__(self, **changes):
        self.changes = changes

    def load(self, progress=None):
        return make_shop(**self.changes)


def experiment(stopping, **changes) -> mtf.Experiment:
    keras.utils.set_random_seed(3)
    arguments = {
        "dataset": Shop(validation=shop_rows(100, seed=5)),
        "model": mtf.MultiTaskModel(make_towers(), make_tasks()),
        "optimizer": keras.optimizers.Adam(0.03),
        "batch_size": 128,
        "epochs": 3,
        "early_stopping": stopping,
    }
    return mtf.Experiment(**{**arguments, **changes})


def best_epoch(stopping, epochs, monkeypatch):
    """Returns which epoch is kept, and how many there were, of given metrics an epoch."""
    monkeypatch.setattr(early_stopping, "evaluate", lambda *a: epochs[evaluated.pop(0)])
    evaluated = list(range(len(epochs)))
    kept = []

    class Model:
        stop_training = False

        def get_weights(self):
            return len(epochs) - len(evaluated)

        def set_weights(self, weights):
            kept.append(weights)

    callback = BestEpoch(stopping, make_shop())
    model = Model()
    callback.set_model(model)
    callback.set_params({"epochs": len(epochs) * stopping.every})
    callback.on_train_begin()
    for epoch in range(len(epochs) * stopping.every):
        callback.on_epoch_end(epoch, {})
        if model.stop_training:
            break
    callback.give_best()
    assert kept == [-(-callback.epoch // stopping.every)]
    return callback.epoch, epoch + 1


def series(rmse, top_10):
    return [{"rating/rmse": a, "find/top_10": b} for a, b in zip(rmse, top_10, strict=True)]


def test_relative_gains_of_several_tasks_are_weighed(monkeypatch):
    # 2 % of rmse lost for 5 % of accuracy gained, then 4 % lost for 1 % gained.
    epochs = series([1.00, 1.02, 1.06], [0.400, 0.420, 0.424])
    assert best_epoch(mtf.EarlyStopping(BOTH), epochs, monkeypatch) == (2, 3)
    heavy = mtf.EarlyStopping({"rating/rmse": -5.0, "find/top_10": 1.0})
    assert best_epoch(heavy, epochs, monkeypatch) == (1, 3)
    assert heavy.criterion(epochs[1]) == pytest.approx(-5 * math.log(1.02) + math.log(0.42))


def test_an_epoch_within_the_bounds_beats_any_outside(monkeypatch):
    stopping = mtf.EarlyStopping({"find/top_10": 1.0}, at_most={"rating/rmse": 0.95})
    epochs = series([1.2, 1.0, 0.94, 0.95, 0.96], [0.5, 0.4, 0.2, 0.3, 0.45])
    assert best_epoch(stopping, epochs, monkeypatch) == (4, 5)
    assert best_epoch(stopping, epochs[:2], monkeypatch) == (2, 2)  # misses it by less
    least = mtf.EarlyStopping({"rating/rmse": -1.0}, at_least={"find/top_10": 0.3})
    assert best_epoch(least, epochs, monkeypatch) == (4, 5)


def test_patience_least_epochs_and_steps_between(monkeypatch):
    falling = series([1.0] * 9, np.linspace(0.5, 0.1, 9))
    for arguments, expected in (
        ({"patience": 2}, (1, 3)),
        ({"patience": 2, "min_epochs": 6}, (1, 6)),
        ({"patience": 2, "every": 3}, (3, 9)),
    ):
        assert best_epoch(mtf.EarlyStopping(BOTH, **arguments), falling, monkeypatch) == expected
    slow = series([1.0] * 9, 0.5 * 1.001 ** np.arange(9))
    assert best_epoch(mtf.EarlyStopping(BOTH), slow, monkeypatch) == (9, 9)
    assert best_epoch(mtf.EarlyStopping(BOTH, min_gain=0.0025), slow, monkeypatch) == (7, 9)


def test_a_metric_of_zero_is_worse_than_any_above():
    stopping = mtf.EarlyStopping(BOTH)
    nothing, little = series([1.0, 1.0], [0.0, 1e-4])
    assert -math.inf < stopping.criterion(nothing) < stopping.criterion(little)


def test_the_model_and_the_run_are_those_of_the_best_epoch(tmp_path):
    class Spoil(keras.callbacks.Callback):
        """Makes every epoch after the second one useless."""

        def on_epoch_end(self, epoch, logs=None):
            if epoch >= 2:
                for variable in self.model.trainable_variables:
                    variable.assign(np.zeros(variable.shape, "float32"))

    run = mtf.Run.create(tmp_path / "run")
    # Weights of zero rank everything first, so that the accuracy alone would like them.
    stopping = mtf.EarlyStopping({"rating/rmse": -1.0, "find/top_10": 0.01}, patience=2)
    trained = mtf.train(experiment(stopping, epochs=9), run, callbacks=[Spoil()])
    assert trained.epoch == 2
    assert len(trained.history["loss"]) == 4
    judged = mtf.evaluate(trained.model, trained.dataset, "validation", top_k=[10])
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    for name, value in judged.items():
        assert trained.metrics[f"val_{name}"] == pytest.approx(value, rel=1e-5)
        assert lines[1][f"val_{name}"] == pytest.approx(value, rel=1e-5)
    assert lines[1]["val_criterion"] > lines[2]["val_criterion"]
    saved = mtf.Run.open(run.path).load_model()
    again = mtf.evaluate(saved, trained.dataset, "validation", top_k=[10])
    assert again == pytest.approx(judged, rel=1e-5)
    # Of a catalogue of 30 there are no metrics at 50.
    possible = set(metric_directions(trained.model, [10]))
    assert set(judged) == {name for name in possible if "_50_" not in name} < possible


def test_a_data_set_without_validation_rows_is_refused():
    with pytest.raises(DataError, match="The split validation of the shop has no rows"):
        mtf.train(experiment(mtf.EarlyStopping(BOTH), dataset=Shop()))


def test_an_unknown_metric_is_refused_before_anything_is_read():
    with pytest.raises(ModelError) as raised:
        experiment(mtf.EarlyStopping({"rating/rmsee": -1.0, "find/top_7": 1.0}))
    assert raised.value.found == (
        'early_stopping reads the metric "rating/rmsee". Did you mean "rating/rmse"?'
    )
    assert '"find/top_7", "find/top_7_filtered"' in raised.value.expected
    with pytest.raises(ModelError, match=r"The experiment has early_stopping = 3"):
        experiment(3)


def test_metrics_without_a_logarithm_or_a_value_are_refused():
    stopping = mtf.EarlyStopping({"gain": 1.0})
    with pytest.raises(ModelError, match=r'The metric "gain" is -0\.5, which has no log'):
        stopping.criterion({"gain": -0.5})
    for values in ({}, {"gain": math.nan}):
        with pytest.raises(ModelError, match='The metric "gain" cannot be computed'):
            stopping.criterion(values)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"metrics": {}}, "EarlyStopping has metrics = {}."),
        ({"metrics": {"a": 0.0}}, "EarlyStopping has metrics = {'a': 0.0}."),
        ({"metrics": {"a": "1"}}, "EarlyStopping has metrics = {'a': '1'}."),
        ({"at_most": {"a": math.inf}}, "EarlyStopping has at_most = {'a': inf}."),
        ({"at_least": 3}, "EarlyStopping has at_least = 3."),
        ({"patience": 0}, "EarlyStopping has patience = 0."),
        ({"every": True}, "EarlyStopping has every = True."),
        ({"min_epochs": 1.5}, "EarlyStopping has min_epochs = 1.5."),
        ({"min_gain": -1.0}, "EarlyStopping has min_gain = -1.0."),
    ],
)
def test_arguments_that_are_refused(arguments, found):
    with pytest.raises(ModelError) as raised:
        mtf.EarlyStopping(**{"metrics": BOTH, **arguments})
    assert raised.value.found == found


def test_every_row_is_encoded_once(monkeypatch):
    counted = []

    def counting(columns, schema, vocabularies):
        counted.append(len(next(iter(columns.values()))))
        return encode_columns(columns, schema, vocabularies)

    monkeypatch.setattr(rows, "encode_columns", counting)
    stopping = mtf.EarlyStopping({"find/top_5": 1.0}, patience=9)
    trained = mtf.train(experiment(stopping, epochs=3))
    mtf.evaluate(trained.model, trained.dataset)
    mtf.evaluate(trained.model, trained.dataset)
    # The training rows, the catalogue, the validation rows of three epochs, the test rows twice.
    assert counted == [400, 30, 100, 100]
