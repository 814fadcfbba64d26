"""`mtframework train --from`: tests/training/test_warm_start.py has what is moved."""

import json
import signal

from mtframework.cli.progress import Lines


def test_a_run_goes_on_with_other_tasks(run, folder):
    first = run("train", "joint.gin", "--run", "first", "--set", "Experiment.epochs = 1")
    assert first.exit_code == 0, first.output
    second = run("train", "stars.gin", "--from", "first", "--run", "second")
    assert second.exit_code == 0, second.output
    assert "Restored: tower shopper, tower product, task stars." in second.stderr
    assert "Left behind: task buy." in second.stderr
    assert json.loads((folder / "second/run.json").read_text())["from"] == "first"
    missing = run("train", "stars.gin", "--from", "third", "--run", "fourth")
    assert missing.exit_code == 1
    assert "third is not a run folder" in missing.stderr
    assert not (folder / "fourth").exists()
    mark = folder / "first/run.json"
    mark.write_text(mark.read_text().replace('"mtframework": "0', '"mtframework": "90'))
    newer = run("train", "stars.gin", "--from", "first", "--run", "fourth")
    assert "first was written by mtframework 90" in newer.stderr


DAILY = """
Experiment.dataset = @Tables()
Experiment.model = @MultiTaskModel()
Experiment.optimizer = @Adagrad()
Experiment.batch_size = 32
Tables.interactions = 'log.csv'
Tables.columns = {
    'shopper': 'query key', 'product': 'candidate key', 'stars': 'label', 'at': 'timestamp'
}
Tables.split = 'temporal'
Tables.test_fraction = 0.25
Tables.since = 'last_run'
MultiTaskModel.towers = [@shopper/Tower(), @product/Tower()]
MultiTaskModel.tasks = [@stars/Ranking(), @buy/Retrieval()]
Tower.embedding_dim = 4
shopper/Tower.features = ['shopper']
product/Tower.features = ['product']
stars/Ranking.label = 'stars'
stars/Ranking.hidden_units = []
buy/Retrieval.query = 'shopper'
buy/Retrieval.candidate = 'product'
"""


def write_log(path, num_rows):
    """Writes a row each 100 seconds; from row 80 on, of a product that was not there before."""
    rows = [f"s{i % 7},p{9 if i >= 80 else i % 5},{i % 5 + 1},{100 * i}" for i in range(num_rows)]
    path.write_text("\n".join(["shopper,product,stars,at", *rows]) + "\n")


def test_day_after_day(run, folder):
    (folder / "daily.gin").write_text(DAILY)
    write_log(folder / "log.csv", 80)
    monday = run("train", "daily.gin", "--run", "monday")
    assert monday.exit_code == 0, monday.output
    assert "no model is started from: all rows are read" in monday.stderr
    write_log(folder / "log.csv", 120)
    train = ("train", "daily.gin", "--from", "monday", "--keep-optimizer", "0.5", "--promote-if")
    tuesday = run(*train, "buy/mrr >= -1", "--run", "tuesday", "--json", "result.json")
    assert tuesday.exit_code == 0, tuesday.output
    # Monday trained on rows 0 to 59; its test rows are learned from today.
    assert "60 rows are from 1970-01-01 01:38:21 UTC or later; 60 from before" in tuesday.stderr
    assert "Grown: tower product (1 more of product)." in tuesday.stderr
    assert "The optimizer keeps 0.5 of what it remembers of" in tuesday.stderr
    decided = json.loads((folder / "tuesday/promotion.json").read_text())
    assert decided["promoted"] is True
    assert (decided["rule"], decided["from"]) == ("buy/mrr >= -1.0", "monday")
    assert (decided["split"], decided["num_rows"]) == ("test", 15)
    difference = decided["new"]["buy/mrr"] - decided["old"]["buy/mrr"]
    assert decided["difference"] == round(difference, 12)
    assert "Promoted by buy/mrr >= -1.0: old " in tuesday.stdout
    assert json.loads((folder / "result.json").read_text())["promotion"] == decided
    # Monday cannot recommend p9, which all test rows have.
    assert decided["old"]["buy/mrr"] == 0
    # The moment is in the configuration, so that later commands read the same rows.
    assert "Tables.since = 5901" in (folder / "tuesday/config.gin").read_text()
    evaluated = run("evaluate", "tuesday", "--json", "again.json")
    assert evaluated.exit_code == 0, evaluated.output
    again = json.loads((folder / "again.json").read_text())
    assert again["buy/mrr"] == decided["new"]["buy/mrr"]


def test_a_model_that_is_not_promoted(run, folder):
    (folder / "daily.gin").write_text(DAILY)
    write_log(folder / "log.csv", 120)
    assert (
        run("train", "daily.gin", "--run", "first", "--set", "Tables.since = None").exit_code == 0
    )
    train = ("train", "daily.gin", "--from", "first", "--run", "second", "--promote-if")
    second = run(*train, "buy/mrr >= 1")
    assert second.exit_code == 3
    assert "Not promoted by buy/mrr >= 1.0: old " in second.stdout
    decided = json.loads((folder / "second/promotion.json").read_text())
    assert decided["promoted"] is False
    assert (folder / "second/model.keras").exists()
    # Killed after the model was written, and before it was decided.
    (folder / "second/promotion.json").unlink()
    resumed = run("train", "daily.gin", "--run", "second", "--resume")
    assert resumed.exit_code == 3, resumed.output
    assert json.loads((folder / "second/promotion.json").read_text()) == decided
    again = run("train", "daily.gin", "--run", "second", "--resume")
    assert again.exit_code == 3
    assert "is finished already" in again.stdout


def test_an_interrupted_day_goes_on_with_the_rows_that_it_began_with(run, folder, monkeypatch):
    (folder / "daily.gin").write_text(DAILY)
    write_log(folder / "log.csv", 120)
    assert (
        run("train", "daily.gin", "--run", "first", "--set", "Tables.since = None").exit_code == 0
    )
    given = ("train", "daily.gin", "--run", "second", "--set", "Experiment.epochs = 3")
    start = ("--from", "first", "--keep-optimizer", "1", "--promote-if", "buy/mrr >= -1")
    assert run(*given[:2], "--run", "whole", *given[4:], *start).exit_code == 0
    begin = Lines.on_epoch_begin

    def interrupt_in_epoch_2(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Lines, "on_epoch_begin", interrupt_in_epoch_2)
        interrupted = run(*given, *start)
    assert interrupted.exit_code == 130, interrupted.output
    assert not (folder / "second/model.keras").exists()
    others = (("--from", "first"), ("--promote-if", "buy/mrr >= 0"), ("--keep-optimizer", "1"))
    for option in others:
        refused = run(*given, "--resume", *option)
        assert refused.exit_code == 1
        assert f"--resume was given with {option[0]}" in refused.stderr
    resumed = run(*given, "--resume")
    assert resumed.exit_code == 0, resumed.output
    one, two = (
        json.loads((folder / name / "promotion.json").read_text()) for name in ("whole", "second")
    )
    assert one == two


def test_options_that_speak_of_no_run_are_refused(run, folder):
    for option in (("--promote-if", "buy/mrr >= 0"), ("--keep-optimizer", "0.5")):
        refused = run("train", "joint.gin", "--run", "first", *option)
        assert refused.exit_code == 1
        assert f"{option[0]} was given without --from" in refused.stderr
        assert not (folder / "first").exists()


def test_a_rule_that_cannot_be_is_refused_before_anything_is_written(run, folder):
    first = run("train", "joint.gin", "--run", "first", "--set", "Experiment.epochs = 1")
    assert first.exit_code == 0, first.output
    for rule in ("stars/rmse >= 0", "stars/rmsd <= 0", "stars/rmse < much"):
        refused = run(
            "train", "joint.gin", "--from", "first", "--run", "second", "--promote-if", rule
        )
        assert refused.exit_code == 1
        assert refused.stderr.count("Error: ") == 1
        assert not (folder / "second").exists()
