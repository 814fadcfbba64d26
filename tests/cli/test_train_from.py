"""`mtframework train --from`: tests/training/test_warm_start.py has what is moved."""

import json


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
