"""A training that is interrupted goes on, and ends as if it had not been."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import keras
import killing
import numpy as np
import pytest
from killing import arrays_of, lines_of, small, unequal
from test_train import scalars

import mtframework as mtf
from mtframework.errors import RunError
from mtframework.training.checkpoints import Checkpoints
from mtframework.training.session import Interrupted


class InterruptAt(keras.callbacks.Callback):
    """Sends this process a signal after a step."""

    def __init__(self, epoch, step, number=signal.SIGINT):
        super().__init__()
        self.only_shows = True
        self.at = epoch, step
        self.number = number

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch + 1) == self.at:
            signal.raise_signal(self.number)


def interrupted(experiment, folder, epoch, step) -> mtf.Run:
    """Trains up to a step, and returns the run that goes on."""
    with pytest.raises(Interrupted, match=f"after .*epoch {epoch}; .* --resume goes on"):
        mtf.train(experiment, mtf.Run.create(folder), [InterruptAt(epoch, step)])
    return mtf.Run.resume(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run of a training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    trained = mtf.train(short(), mtf.Run.create(folder))
    assert len(trained.history["loss"]) == 3
    return folder


def short() -> mtf.Experiment:
    experiment = small()
    experiment.epochs = 3
    return experiment


@pytest.fixture(scope="module")
def interrupted_once(tmp_path_factory) -> Path:
    run = interrupted(short(), tmp_path_factory.mktemp("cut") / "run", 2, 3)
    run.close()
    return run.path


@pytest.fixture
def cut(interrupted_once, tmp_path) -> mtf.Run:
    """A run that was interrupted after step 3 of epoch 2, to go on with."""
    shutil.copytree(interrupted_once, tmp_path / "run")
    return mtf.Run.resume(tmp_path / "run")


def test_sigkill_at_random_moments_changes_nothing(tmp_path):
    # In a process that has computed nothing: a backend's threads do not survive a fork.
    program = [sys.executable, killing.__file__, "2", "--case", "small"]
    ended = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "| small | 2 |" in ended.stdout


def test_interrupted_within_an_epoch_it_ends_the_same(whole, cut):
    run = cut
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = (f"checkpoints/.000009.checkpoint.{ended.pid}", f".metrics.jsonl.{ended.pid}")
    for name in (*left, "partial.keras"):  # what a process that was killed half wrote
        (run.path / name).write_bytes(b"half")
    trained = mtf.train(short(), run)
    assert unequal(whole, run.path) == ""
    (file,) = run.tensorboard_path.iterdir()
    written = scalars(file.read_bytes())
    assert written["loss"] == pytest.approx(lines_of(whole)[-1]["loss"])
    assert file.read_bytes().count(b"val_buy/loss") == 3  # an epoch each
    assert trained.history["loss"] == [line["loss"] for line in lines_of(whole)]
    assert sorted(each.name for each in run.path.iterdir()) == sorted(os.listdir(whole))


def test_interrupted_twice_and_between_epochs_it_ends_the_same(whole, tmp_path):
    run = interrupted(short(), tmp_path / "run", 1, 7)  # the last step: the epoch ends first
    with pytest.raises(Interrupted, match="step 1 of epoch 3"):
        mtf.train(short(), run, [InterruptAt(3, 1)])
    mtf.train(short(), mtf.Run.resume(run.path))
    assert unequal(whole, run.path) == ""


def test_without_a_checkpoint_it_begins_at_the_start(whole, tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    run.metrics_path.write_text('{"epoch": 1, "los')
    run.close()
    mtf.train(short(), mtf.Run.resume(run.path))
    assert unequal(whole, run.path) == ""


def test_the_checkpoint_before_a_damaged_one_is_taken(whole, cut, capsys):
    run = cut
    _, last = run.checkpoints.paths()
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    mtf.train(short(), run)
    assert f"{last} cannot be used: its checksum is wrong" in capsys.readouterr().err
    assert unequal(whole, run.path) == ""


def test_whatever_bit_is_flipped_and_wherever_it_is_cut_the_one_before_is_taken(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for number in (1, 2):
        checkpoints.save({"number": number}, [np.arange(7.0), np.array(number)])
    _, last = checkpoints.paths()
    whole = last.read_bytes()
    flipped = [
        whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        for place in range(len(whole))
    ]
    for content in (*flipped, *(whole[:length] for length in range(len(whole))), whole + b" "):
        last.write_bytes(content)
        told = []
        state, arrays = checkpoints.load(told.append)
        assert (state, arrays[1]) == ({"number": 1}, 1)
        assert told == [f"{last} cannot be used: its checksum is wrong. 000001.checkpoint, from "
                        "before it, is taken instead."] or "does not begin" in told[0]  # fmt: skip
    last.write_bytes(whole)
    assert checkpoints.load(told.append)[0] == {"number": 2}


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b""])
def test_damaged_checkpoints_alone_are_one_error_and_stay(damage, cut):
    run = cut
    for path in run.checkpoints.paths():
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match="no other one that is whole") as raised:
        mtf.train(short(), run)
    assert str(run.checkpoints.folder) in raised.value.fix
    assert len(run.checkpoints.paths()) == 2


def _other_rows():
    experiment = short()
    data = experiment.dataset.load()
    trust = np.array(data.train["trust"])
    trust[7] = 2.5
    changed = killing.make_shop(train={**data.train, "trust": trust}, validation=data.validation)
    experiment.dataset.load = lambda progress=None: changed
    return experiment


def _other(**changes):
    experiment = short()
    for name, value in changes.items():
        setattr(experiment, name, value)
    return experiment


def _other_loss_weight():
    experiment = short()
    experiment.model.tasks["buy"].loss_weight = 0.25
    return experiment


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (lambda: _other(seed=6), "seed was 5 and is 6"),
        (lambda: _other(epochs=4), "epochs was 3 and is 4"),
        (_other_rows, 'the column "trust" of the train rows changed'),
        (_other_loss_weight, r"model.tasks.buy.loss_weight was 1.0 and is 0.25"),
        (
            lambda: _other(optimizer=keras.optimizers.Adam(0.02)),
            r"optimizer.learning_rate was 0.0\d+ and is 0.0\d+",
        ),
    ],
)
def test_what_differs_is_named_and_refused(other, told, cut):
    run = cut
    with pytest.raises(RunError, match=f"was begun with something else: {told}\\."):
        mtf.train(other(), run)
    assert run.checkpoints.paths()


def test_another_version_is_refused(cut, monkeypatch):
    monkeypatch.setattr(mtf, "__version__", "0.1.7")
    with pytest.raises(RunError, match=r"mtframework was 0\.1\.0 and is 0\.1\.7"):
        mtf.train(short(), cut)


class Counter(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1


def test_a_callbacks_numbers_go_on(tmp_path):
    with pytest.raises(Interrupted):
        mtf.train(short(), mtf.Run.create(tmp_path / "run"), [InterruptAt(2, 3), Counter()])
    counter = Counter()
    mtf.train(short(), mtf.Run.resume(tmp_path / "run"), [counter])
    assert counter.steps == 3 * 7  # 400 rows in batches of 64, three epochs


def test_other_callbacks_are_refused(cut):
    with pytest.raises(RunError, match="The callbacks are Counter, StopOn"):
        mtf.train(short(), cut, [Counter()])


def test_sigterm_ends_with_a_checkpoint_too(tmp_path, capsys):
    def end(*_):
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(SystemExit):
            mtf.train(
                short(),
                mtf.Run.create(tmp_path / "run"),
                [InterruptAt(1, 2, signal.SIGTERM)],
            )
        assert signal.getsignal(signal.SIGTERM) is end
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "Interrupted after step 2 of epoch 1" in capsys.readouterr().err
    assert mtf.Run(tmp_path / "run").checkpoints.paths()


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    class Twice(InterruptAt):
        def on_train_batch_end(self, batch, logs=None):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    run = mtf.Run.create(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt) as raised:
        mtf.train(short(), run, [Twice(0, 0)])
    assert not isinstance(raised.value, Interrupted)
    assert not run.checkpoints.paths()


def test_a_full_disk_keeps_the_checkpoint_before(whole, tmp_path, monkeypatch, capsys):
    run = mtf.Run.create(tmp_path / "run")
    monkeypatch.setattr("mtframework.training.checkpoints.write_checkpoint", _full_after(1))
    mtf.train(short(), run)
    assert f"{run.checkpoints.folder} cannot be written: No space left" in capsys.readouterr().err
    assert arrays_of(run.path) == arrays_of(whole)


def rarely() -> mtf.Experiment:
    """The same, with a checkpoint after each epoch alone."""
    experiment = short()
    experiment.checkpoint_minutes = 10
    return experiment


class Fault(keras.callbacks.Callback):
    """Breaks something as epoch 2 begins, and mends it as the next one does."""

    only_shows = True

    def __init__(self, breaks, mends):
        super().__init__()
        self.steps = {1: breaks, 2: mends}

    def on_epoch_begin(self, epoch, logs=None):
        self.steps.get(epoch, lambda: None)()


def _stands_in_the_way(run):
    """Puts a file in the place of the folder."""
    away = run.path.with_name("away")

    def breaks():
        run.path.rename(away)
        run.path.touch()

    def mends():
        run.path.unlink()
        away.rename(run.path)

    return breaks, mends


def _full(run):
    """Lets what is written of epoch 2 end on a device that is full."""

    def breaks():
        run.checkpoints.folder.joinpath(f".000002.checkpoint.{os.getpid()}").symlink_to("/dev/full")
        run.metrics_path.rename(run.path / ".metrics")
        run.metrics_path.symlink_to("/dev/full")

    def mends():
        run.metrics_path.unlink()
        (run.path / ".metrics").rename(run.metrics_path)

    return breaks, mends


@pytest.mark.parametrize(
    ("fault", "reason", "num_lost"),
    [(_stands_in_the_way, "Not a directory", 4), (_full, "No space left on device", 2)],
)
def test_what_cannot_be_written_for_a_while_is_written_later(
    fault, reason, num_lost, whole, tmp_path, capsys
):
    run = mtf.Run.create(tmp_path / "run")
    mtf.train(rarely(), run, [Fault(*fault(run))])
    told = capsys.readouterr().err
    # A model beside the checkpoints is written so rarely that it may not be due.
    num_told = told.count(f"cannot be written: {reason}. Training goes on")
    assert num_lost - 1 <= num_told <= num_lost
    assert f"{run.metrics_path} is written again, with all epochs." in told
    assert unequal(whole, run.path) == ""
    (file,) = run.tensorboard_path.iterdir()
    assert file.read_bytes().count(b"val_buy/loss") == 3


def test_what_was_there_before_stays_and_is_resumed_from(whole, tmp_path, capsys):
    run = mtf.Run.create(tmp_path / "run")
    breaks, mends = _stands_in_the_way(run)
    with pytest.raises(
        Interrupted, match=r"after step 3 of epoch 2; .* last checkpoint that could"
    ):
        mtf.train(rarely(), run, [Fault(breaks, mends), InterruptAt(2, 3)])
    mends()
    assert [each.name for each in run.checkpoints.paths()] == ["000001.checkpoint"]
    mtf.train(short(), mtf.Run.resume(run.path))
    assert unequal(whole, run.path) == ""


def test_the_model_alone_cannot_be_missed(whole, tmp_path, capsys):
    run = mtf.Run.create(tmp_path / "run")
    breaks, mends = _stands_in_the_way(run)
    with pytest.raises(
        RunError, match=r"model\.keras cannot be written: Not a directory"
    ) as raised:
        mtf.train(rarely(), run, [Fault(breaks, lambda: None)])
    assert "--resume then goes on from the last checkpoint" in raised.value.fix
    mends()
    mtf.train(short(), mtf.Run.resume(run.path))
    assert unequal(whole, run.path) == ""


def _full_after(num_written):
    written = []

    def write(path, state, arrays):
        if len(written) == num_written:
            raise OSError(28, "No space left on device")
        written.append(path)
        path.write_bytes(b"")

    return write


def test_two_trainings_do_not_share_a_folder(tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    for door in (mtf.Run.create, mtf.Run.resume):
        with pytest.raises(RunError, match="is in use by another process"):
            door(run.path)
    run.close()
    assert not (run.path / ".lock").exists()
    mtf.Run.resume(run.path).close()


def test_of_many_that_begin_at_once_one_has_the_folder(tmp_path):
    runs, refused = [], []

    def begin():
        try:
            runs.append(mtf.Run.create(tmp_path / "run"))
        except RunError as error:
            refused.append(error)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(runs), len(refused)) == (1, 7)
    runs[0].close()


def test_create_names_resume_and_resume_names_what_is_finished(whole, cut):
    run = cut
    run.close()
    with pytest.raises(RunError, match=r"interrupted(.|\n)*--resume"):
        mtf.Run.create(run.path)
    with pytest.raises(RunError, match="is finished"):
        mtf.Run.resume(whole)
    with pytest.raises(RunError, match=r"did not finish(.|\n)*--resume"):
        mtf.Run.open(run.path)


def test_the_rows_of_an_epoch_come_in_the_order_that_they_had():
    columns = {"row": np.arange(50)}
    one = mtf.Batches(columns, ["row"], batch_size=50, seed=3)
    orders = []
    for _ in range(3):
        one.on_epoch_end()
        orders.append((one.position, one[0][0]["row"].tolist()))
    other = mtf.Batches(columns, ["row"], batch_size=50, seed=3)
    for position, order in random.Random(0).sample(orders, 3):
        other.go_to(position)
        assert other[0][0]["row"].tolist() == order


def test_a_checkpoint_gives_back_what_it_was_given(tmp_path):
    from mtframework.training.checkpoint_file import read_checkpoint, write_checkpoint

    half = keras.ops.convert_to_numpy(keras.ops.ones((2, 1), "bfloat16"))
    state = {"array": np.arange(3), "list": [1, None, {"dict": np.float32(0.5)}], "text": "é"}
    write_checkpoint(tmp_path / "one", state, [half, np.array(7, "int64"), np.zeros((0, 2))])
    read, arrays = read_checkpoint(tmp_path / "one")
    assert read["array"].tolist() == [0, 1, 2]
    assert (read["list"], read["text"]) == ([1, None, {"dict": 0.5}], "é")
    assert [each.dtype.name for each in arrays] == ["bfloat16", "int64", "float64"]
    assert [each.shape for each in arrays] == [(2, 1), (), (0, 2)]
