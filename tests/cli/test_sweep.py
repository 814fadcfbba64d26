"""mtframework sweep, on a data set that takes no time."""

import json
import os
import sys

import pytest

from mtframework import DatasetSource, config
from mtframework.errors import ModelError

OBJECTIVES = ("stars/rmse", "buy/top_5")
SWEEP = (
    "sweep", "joint.gin", "--vary", "stars/Ranking.loss_weight=log:0.01..1.0",
    "--vary", "Tower.embedding_dim=[2, 4]", "--vary", "Experiment.batch_size=16..32",
    "--objective", OBJECTIVES[0], "--objective", OBJECTIVES[1], "--run", "out",
)  # fmt: skip


@pytest.fixture
def validated(folder, monkeypatch):
    """The shop holds out rows to choose by."""
    path = folder / "tiny_shop.py"
    text = path.read_text().replace('name="the shop")', 'validation=rows(3), name="the shop")')
    path.write_text(text)
    monkeypatch.delitem(sys.modules, "tiny_shop")
    config.load_parts(plugins=["tiny_shop.py"])
    return folder


def is_dominated(trial, others):
    def better_or_equal(other):
        pairs = [(other["objectives"][name], trial["objectives"][name]) for name in OBJECTIVES]
        signs = [-1, 1]  # less RMSE, more of top_5
        gains = [sign * (one - two) for sign, (one, two) in zip(signs, pairs, strict=True)]
        return min(gains) >= 0 and max(gains) > 0

    return any(map(better_or_equal, others))


def test_sweep_goes_on_and_its_points_can_be_trained(run, validated, monkeypatch):
    import mtframework.cli.shown_training as training

    train, trainings = training.train_shown, []

    def train_once(*arguments):
        if trainings:
            raise KeyboardInterrupt
        trainings.append(arguments)
        return train(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(training, "train_shown", train_once)
        interrupted = run(*SWEEP, "--trials", 3)
    assert interrupted.exit_code == 130, interrupted.output
    assert "1 of 3 trials are kept in out" in interrupted.stderr
    done = run(*SWEEP, "--trials", 3, "--json", "best.json")
    assert done.exit_code == 0, done.output
    assert "trial 1 of 3" not in done.stderr
    assert "trial 3 of 3: stars/Ranking.loss_weight = " in done.stderr

    trials = json.loads((validated / "out/sweep.json").read_text())["trials"]
    assert len(trials) == 3
    assert len({each["values"]["stars/Ranking.loss_weight"] for each in trials}) == 3
    for trial in trials:
        assert trial["is_best"] != is_dominated(trial, trials)
        assert 0.01 <= float(trial["values"]["stars/Ranking.loss_weight"]) <= 1
        assert trial["values"]["Tower.embedding_dim"] in ("2", "4")
        assert trial["values"]["Experiment.batch_size"] in map(str, range(16, 33))
    best = {each["number"]: each for each in trials if each["is_best"]}
    files = {path.name: path for path in (validated / "out/front").iterdir()}
    assert set(files) == {f"trial-{number}.gin" for number in best}
    assert (validated / "out/sweep.svg").read_text().count("<circle") == 3
    assert f"| {min(best)} |" in (validated / "out/sweep.md").read_text()

    number, trial = best.popitem()
    again = run("train", files[f"trial-{number}.gin"], "--run", "again", "--json", "again.json")
    assert again.exit_code == 0, again.output
    metrics = json.loads((validated / "again.json").read_text())["metrics"]
    assert metrics["val_stars/rmse"] == pytest.approx(trial["objectives"]["stars/rmse"], rel=1e-4)

    other = run(*SWEEP, "--objective", "stars/mae")
    assert other.exit_code == 1
    assert "out holds another sweep, with another objectives." in other.stderr


def test_what_fails_is_told_and_counted(run, validated, monkeypatch):
    import mtframework.cli.shown_training as training

    def fail(*arguments):
        raise ModelError("The loss is nan at step 1.", "A finite loss.", "Lower something.")

    monkeypatch.setattr(training, "train_shown", fail)
    result = run(*SWEEP, "--trials", 2)
    assert result.exit_code == 1
    assert result.stderr.count("The loss is nan at step 1.") == 2
    assert "All 2 trials failed." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--vary", "stars/Ranking.los=0.1..1.0", "--objective", "x"],
         "Ranking has no argument los"),
        (["--vary", "Experiment.epochs=1..2"], "There is no --objective."),
        (["--objective", "stars/rmse"], "There is no --vary."),
        (["--vary", "Experiment.epochs=1..2", "--objective", "x", "--set", "Experiment.epochs = 1"],
         "Experiment.epochs is given twice."),
        (["--vary", "Experiment.epochs=1..2", "--objective", "stars/rmse"],
         "The split validation of the shop has no rows."),
    ],
)  # fmt: skip
def test_what_cannot_be_swept(run, arguments, expected):
    result = run("sweep", "joint.gin", *arguments)
    assert result.exit_code == 1
    assert expected in result.stderr


def test_unknown_objective_ends_the_sweep(run, validated):
    result = run(
        "sweep", "joint.gin", "--vary", "Experiment.epochs=1..2", "--objective", "star/rmse"
    )
    assert result.exit_code == 1
    assert 'no metric "star/rmse". Did you mean "stars/rmse"?' in result.stderr


def test_a_torn_last_line_is_cut_and_other_data_are_refused(run, validated, monkeypatch):
    arguments = [*SWEEP, "--trials"]
    assert run(*arguments, 1).exit_code == 0
    journal = validated / "out" / "trials.log"
    with open(journal, "ab") as file:
        file.write(b'{"op_code": 4, "worker_id": "to')
    result = run(*arguments, 2)
    assert result.exit_code == 0, result.output
    assert journal.read_bytes().endswith(b"}\n")
    monkeypatch.setattr(DatasetSource, "fingerprint", lambda self: "other rows")
    result = run(*arguments, 3)
    assert result.exit_code == 1
    assert "holds another sweep, with another data." in result.stderr


def test_a_lock_that_a_killed_sweep_left_is_not_waited_for(run, validated):
    assert run(*SWEEP, "--trials", 1).exit_code == 0
    lock = validated / "out" / "trials.log.lock"
    lock.symlink_to("trials.log")
    assert run(*SWEEP, "--trials", 1).exit_code == 0
    assert not os.path.lexists(lock)


def test_trials_that_cannot_be_written_are_one_error_and_go_on(run, validated, monkeypatch):
    from optuna.storages.journal import JournalFileBackend

    append = JournalFileBackend.append_logs
    left = []

    def full(self, logs):
        if any("values" in each.get("user_attr", {}) for each in logs):
            left.append(logs)
        if len(left) == 2:  # in the second trial, in the middle of a line
            with open(self._file_path, "ab") as file:
                file.write(b'{"op_code": 8, "wor')
            raise OSError(28, "No space left on device")
        append(self, logs)

    with monkeypatch.context() as patched:
        patched.setattr(JournalFileBackend, "append_logs", full)
        ended = run(*SWEEP, "--trials", 2)
    assert ended.exit_code == 1
    assert "trials.log cannot be written: No space left on device." in ended.stderr
    assert ended.stderr.count("Error: ") == 1
    done = run(*SWEEP, "--trials", 2)
    assert done.exit_code == 0, done.output
    assert "trial 2 of 2" in done.stderr
    assert "trial 1 of 2" not in done.stderr
