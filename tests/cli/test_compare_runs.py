"""`mtframework compare --runs`: what is trained already is judged as it is."""

import json
import shutil

import pytest


def test_finished_runs_are_judged_without_training(run, folder, joint_run, monkeypatch):
    shutil.copytree(joint_run, "runs/joint-0")
    made = run("train", "joint.gin", "--seed", 1, "--run", "runs/joint-1")
    assert made.exit_code == 0, made.output
    alone = run("evaluate", "runs/joint-1", "--json", "alone.json")
    assert alone.exit_code == 0, alone.output

    def no_training(*arguments):
        raise AssertionError("it trains")

    monkeypatch.setattr("mtframework.cli.shown_training.train_shown", no_training)
    result = run(
        "compare", "--runs", "runs", "--with-baselines", "--json", "all.json", "--report", "out"
    )
    assert result.exit_code == 0, result.output
    runs = json.loads((folder / "all.json").read_text())["runs"]
    named = [(each["experiment"], each["seed"]) for each in runs]
    assert named[:2] == [("joint", 0), ("joint", 1)]
    assert ("popularity", None) in named
    assert runs[1]["metrics"] == pytest.approx(json.loads((folder / "alone.json").read_text()))
    assert (folder / "out/report.html").exists()
    assert "nan" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "."], "is no run, and no folder in it is one."),
        (["joint.gin", "--runs", "runs"], "--runs was given, and experiments too."),
        (["--runs", "runs", "--seeds", 3], "--runs was given, and --seeds too."),
        ([], "There is nothing to compare."),
    ],
    ids=["no run", "experiments", "seeds", "nothing"],
)
def test_what_cannot_be_compared(run, folder, arguments, said):
    result = run("compare", *arguments)
    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())
