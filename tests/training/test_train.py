"""Training and what it leaves behind."""

import json

import keras
import numpy as np
import pytest
from shop import make_shop, make_tasks, make_towers
from tensorboardX.proto.event_pb2 import Event

import mtframework as mtf
from mtframework.errors import ModelError, RunError
from mtframework.training.train import batches_of


class Shop(mtf.DatasetSource):
    schema = make_shop().schema

    def load(self, progress=None):
        return make_shop()


def experiment(**changes) -> mtf.Experiment:
    keras.utils.set_random_seed(3)
    arguments = {
        "dataset": Shop(),
        "model": mtf.MultiTaskModel(make_towers(), make_tasks()),
        "optimizer": keras.optimizers.Adam(0.01),
        "batch_size": 128,
        "epochs": 3,
    }
    return mtf.Experiment(**{**arguments, **changes})


def test_run_folder_holds_the_model_and_every_epoch(tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    trained = mtf.train(experiment(), run)
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for name in ("loss", "rating/loss", "rating/rmse", "find/share", "buy/auc"):
        values = [line[name] for line in lines]
        np.testing.assert_allclose(values, trained.history[name], rtol=1e-6)
    assert sorted(path.name for path in run.path.iterdir()) == [
        "metrics.jsonl",
        "model.keras",
        "run.json",
        "tensorboard",
    ]
    rows = trained.model.encode({"shopper": [1, 2], "product": ["product 03", "product 04"]})
    here = trained.model.predict(rows, verbose=0)
    there = mtf.Run.open(run.path).load_model().predict(rows, verbose=0)
    for name in here:
        np.testing.assert_allclose(there[name], here[name], rtol=1e-6)


def test_tensorboard_gets_the_same_numbers(tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    trained = mtf.train(experiment(epochs=1), run)
    (file,) = run.tensorboard_path.iterdir()
    written = scalars(file.read_bytes())
    assert written["rating/loss"] == pytest.approx(trained.history["rating/loss"][0], rel=1e-5)
    assert written["find/share"] == pytest.approx(trained.history["find/share"][0], rel=1e-5)


def scalars(data: bytes) -> dict[str, float]:
    """Returns the scalars of an event file: records of length, checksum, event, checksum."""
    found = {}
    while data:
        length = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + length])
        found.update({value.tag: value.simple_value for value in event.summary.value})
        data = data[12 + length + 4 :]
    return found


def test_same_seed_trains_the_same():
    first, second = (mtf.train(experiment()).history["loss"] for _ in range(2))
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_validation_rows_are_reported():
    shop = make_shop()
    data = make_shop(validation=shop.test)
    history = mtf.train(experiment(epochs=1), dataset=data).history
    assert history["val_rating/rmse"][0] > 0


def test_batches_follow_their_seed_and_hold_every_row_once(model, shop):
    def epoch(batches):
        return np.concatenate([batches[i][0]["shopper"] for i in range(len(batches))])

    one, same, other = (batches_of(model, shop, "train", 64, seed=seed) for seed in (1, 1, 2))
    first = epoch(one)
    np.testing.assert_array_equal(first, epoch(same))
    assert (first != epoch(other)).any()
    one.on_epoch_end()
    assert (first != epoch(one)).any()
    np.testing.assert_array_equal(np.sort(first), np.sort(epoch(one)))
    features, labels, weights = one[0]
    assert sorted(features) == ["product", "shopper"]
    assert sorted(labels) == ["bought", "stars"]
    assert sorted(weights) == ["trust"]


class Diverge(keras.callbacks.Callback):
    """Makes one task's head useless, at the beginning or at the end of an epoch."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def on_epoch_begin(self, epoch, logs=None):
        self.act("begin", epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.act("end", epoch)

    def act(self, *now):
        if now == self.at:
            for variable in self.model.tasks["rating"].trainable_variables:
                variable.assign(np.full(variable.shape, np.inf, "float32"))


@pytest.mark.parametrize("at", [("begin", 1), ("end", 1)])
def test_loss_that_is_no_number_stops_training_and_names_task_step_and_checkpoint(at, tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    with pytest.raises(ModelError, match="fix: ") as raised:
        mtf.train(experiment(), run, callbacks=[Diverge(at)])
    epoch = len(run.metrics_path.read_text().splitlines()) + 1
    assert f'at step 1 of epoch {epoch}, from the task "rating".' in str(raised.value)
    assert f"The last good checkpoint is {run.checkpoint_path}." in str(raised.value)
    kept = keras.saving.load_model(run.checkpoint_path)
    for variable in kept.trainable_variables:
        assert np.isfinite(keras.ops.convert_to_numpy(variable)).all()


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adagrad, keras.optimizers.RMSprop])
def test_embeddings_that_are_no_numbers_stop_training_and_name_the_tasks(optimizer):
    def break_table(*_, **__):
        table = lost.model.towers["shopper"].trainable_variables[0]
        table.assign(np.full(table.shape, np.nan, "float32"))

    lost = experiment(optimizer=optimizer(0.1))
    breaks = keras.callbacks.LambdaCallback(on_epoch_begin=break_table)
    found = 'nan at step 1 of epoch 1, from the tasks "buy", "find"'
    with pytest.raises(ModelError, match=found):
        mtf.train(lost, callbacks=[breaks])


def test_a_loss_that_its_weight_makes_infinite_names_its_task():
    tasks = [mtf.Ranking("rating", label="stars", loss_weight=1e38), make_tasks()[1]]
    lost = experiment(model=mtf.MultiTaskModel(make_towers(), tasks))
    with pytest.raises(ModelError, match=r'The loss is inf at step 1 .* from the task "rating"\.'):
        mtf.train(lost)


def test_an_error_that_has_nothing_to_do_with_the_loss_stays_what_it_is():
    def fail(*_, **__):
        raise RuntimeError("mine")

    fails = keras.callbacks.LambdaCallback(on_train_batch_begin=fail)
    with pytest.raises(RuntimeError, match="mine"):
        mtf.train(experiment(), callbacks=[fails])


def test_an_error_before_the_first_step_stays_what_it_is(monkeypatch):
    def fail(*_):
        raise OSError("no disk")

    monkeypatch.setattr(mtf.Batches, "__getitem__", fail)
    with pytest.raises(OSError, match="no disk"):
        mtf.train(experiment())


def test_loss_that_is_no_number_at_once_has_no_checkpoint():
    shop = make_shop()
    stars = np.where(np.arange(400) < 5, 1e30, shop.train["stars"]).astype("float32")
    data = make_shop(train={**shop.train, "stars": stars})
    with pytest.raises(ModelError, match=r"There is no checkpoint from before it\."):
        mtf.train(experiment(batch_size=400), dataset=data)


def test_run_is_never_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match="is not empty"):
        mtf.Run.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_run_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        mtf.Run.create(tmp_path / "file" / "run")


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"it has no run\.json"):
        mtf.Run.open(tmp_path)


def test_unfinished_run_is_refused(tmp_path):
    mtf.Run.create(tmp_path / "run")
    with pytest.raises(RunError, match="its training did not finish"):
        mtf.Run.open(tmp_path / "run")


def test_run_of_a_newer_version_is_refused(tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    (run.path / "run.json").write_text('{"mtframework": "99.1.0"}')
    with pytest.raises(RunError, match=r"was written by mtframework 99\.1\.0"):
        mtf.Run.open(run.path)


def test_damaged_files_are_one_error_each(tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    run.model_path.write_bytes(b"not a zip file")
    with pytest.raises(RunError, match=r"model\.keras cannot be loaded") as e:
        mtf.Run.open(run.path).load_model()
    assert "fix: " in str(e.value)
    for damaged in ("{", "[]", '{"mtframework": "latest"}', '{"mtframework": null}'):
        (run.path / "run.json").write_text(damaged)
        with pytest.raises(RunError, match=r"run\.json cannot be read"):
            mtf.Run.open(run.path)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("batch_size", 0),
        ("batch_size", "64"),
        ("epochs", 1.5),
        ("seed", -1),
        ("seed", 2**32),
        ("dataset", Shop),
        ("optimizer", "adam"),
        ("model", mtf.MultiTaskModel),
    ],
)
def test_experiment_refuses(argument, value):
    with pytest.raises(ModelError, match=f"The experiment has {argument} = "):
        experiment(**{argument: value})


def test_metrics_that_cannot_be_written_do_not_end_a_training(tmp_path, capsys):
    run = mtf.Run.create(tmp_path / "run")
    run.metrics_path.mkdir()  # as good as a disk that is full
    trained = mtf.train(experiment(), run)
    assert trained.metrics["loss"] > 0
    assert run.model_path.is_file()
    told = capsys.readouterr().err
    assert told.count(f"{run.metrics_path} cannot be written: Is a directory.") == 1
    assert "Training goes on without it." in told
    assert "is written again" not in told


def test_a_model_that_cannot_be_written_is_one_error_with_its_path(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    run = mtf.Run.create(tmp_path / "run")
    monkeypatch.setattr(mtf.MultiTaskModel, "save", full)
    with pytest.raises(RunError, match=r"model\.keras cannot be written: No space left"):
        mtf.train(experiment(), run)
    told = capsys.readouterr().err
    assert (
        f"{run.checkpoint_path} cannot be written: No space left on device. Training goes" in told
    )
    assert run.checkpoints.paths()  # to go on from
    assert not list(run.path.glob("partial*"))
