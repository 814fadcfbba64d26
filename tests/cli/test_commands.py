"""Each command, on a data set that takes no time."""

import csv
import json
import re
import signal

import pytest


def test_train_writes_a_run_that_can_be_trained_again(run, folder):
    first = run("train", "joint.gin", "--seed", 5, "--run", "one", "--json", "one.json")
    assert first.exit_code == 0, first.output
    assert {path.name for path in (folder / "one").iterdir()} == {
        "config.gin", "metrics.jsonl", "model.keras", "run.json", "tensorboard", "tiny_shop.py"
    }  # fmt: skip
    (folder / "tiny_shop.py").unlink()  # the run stands alone
    again = run("train", "one/config.gin", "--run", "two", "--json", "two.json")
    assert again.exit_code == 0, again.output
    one, two = (json.loads((folder / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["metrics"] == pytest.approx(two["metrics"])


def test_train_shows_each_epoch(run):
    result = run("train", "joint.gin", "--set", "Experiment.epochs = 3")
    line = r"joint: epoch 3/3, loss \S+ \(buy \d+%, stars \d+%\), lowest cosine -?\d\.\d\d, "
    assert re.search(line, result.stderr)


def test_train_takes_a_free_folder_and_overwrites_none(run, trained, folder):
    assert run("train", "joint.gin").exit_code == 0
    assert (folder / "runs/joint-2/model.keras").is_file()
    refused = run("train", "joint.gin", "--run", "runs/joint")
    assert refused.exit_code == 1
    assert "runs/joint exists and is not empty." in refused.stderr


def test_mistake_is_one_message_without_a_traceback(run):
    result = run("train", "joint.gin", "--set", "stars/Ranking.los = 'x'")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: --set stars/Ranking.los = 'x': Ranking has no argument los."
    )
    assert "fix: Correct the name." in result.stderr
    assert "Traceback" not in result.output


def test_debug_shows_the_traceback(run):
    result = run("train", "nowhere.gin", "--debug")
    assert result.exit_code == 1
    assert "The experiment does not exist." in result.stderr


def test_interrupt_is_one_line(run, monkeypatch):
    import mtframework.cli.shown_training

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(mtframework.cli.shown_training, "train_shown", interrupted)
    result = run("train", "joint.gin")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"


def test_compare(run, folder):
    result = run(
        "compare", "stars.gin", "joint.gin", "--seeds", 2, "--json", "results.json",
        "--predict", "shopper=3,age=0.5,product=product, no. 4", "--recommend", "shopper=3,age=0.5",
        "--k", 4,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    results = json.loads((folder / "results.json").read_text())["runs"]
    assert [(each["experiment"], each["seed"]) for each in results] == [
        ("stars", 0), ("stars", 1), ("joint", 0), ("joint", 1)
    ]  # fmt: skip
    assert set(results[0]) == {
        "experiment", "seed", "metrics", "fit_seconds", "evaluate_seconds", "tasks", "history",
        "lower_is_better",
    }  # fmt: skip
    assert "run 3 of 4: joint, seed 0; about" in result.stderr
    assert "Mean of 2 seeds ± half the width of its 95 % t-interval." in result.stdout
    [stars] = [line for line in result.stdout.splitlines() if line.startswith("│ stars")]
    assert "–" in stars  # it has no task that finds
    assert "joint predicts" in result.stdout
    assert "joint recommends to shopper=3, age=0.5" in result.stdout


def test_compare_leaves_fragments_out(run, folder):
    (folder / "part.gin").write_text("Tower.embedding_dim = 2\n")
    result = run("compare", "part.gin", "stars.gin")
    assert result.exit_code == 0, result.output
    assert "part.gin is not compared: it is a fragment" in result.stderr
    alone = run("compare", "part.gin")
    assert alone.exit_code == 1
    assert "Every file that was given is a fragment." in alone.stderr


def test_compare_checks_all_before_it_trains_one(run, folder):
    (folder / "bad.gin").write_text("include 'joint.gin'\nstars/Ranking.los = 1\n")
    result = run("compare", "stars.gin", "bad.gin")
    assert result.exit_code == 1
    assert "bad.gin:2" in result.stderr
    assert "epoch" not in result.stderr


def test_compare_with_baselines_goes_on_after_an_interruption(run, folder, monkeypatch):
    import mtframework.cli.planned_runs as comparing

    command = (
        "compare", "stars.gin", "joint.gin", "--seeds", 2, "--report", "out", "--with-baselines",
        "--baseline", "stars", "--metric", "stars/rmse", "--metric", "buy/top_5_filtered",
    )  # fmt: skip
    train, trainings = comparing.train_shown, []

    def train_twice(*arguments, **options):
        if len(trainings) == 2:
            raise KeyboardInterrupt
        trainings.append(arguments)
        return train(*arguments, **options)

    monkeypatch.setattr(comparing, "train_shown", train_twice)
    interrupted = run(*command)
    assert interrupted.exit_code == 130, interrupted.stderr
    assert "2 of 4 runs are kept in out" in interrupted.stderr
    assert len(json.loads((folder / "out/report.json").read_text())["runs"]) == 2

    trainings.clear()
    done = run(*command)
    assert done.exit_code == 0, done.output
    assert len(trainings) == 2  # the other two were kept
    assert "stars, seed 0, kept from before" in done.stderr
    report = json.loads((folder / "out/report.json").read_text())
    seeds = {
        each["seed"]: each["metrics"] for each in report["runs"] if each["experiment"] == "joint"
    }
    alone = {
        each["seed"]: each["metrics"] for each in report["runs"] if each["experiment"] == "stars"
    }
    [difference] = report["differences"]
    expected = sum(seeds[s]["stars/rmse"] - alone[s]["stars/rmse"] for s in (0, 1)) / 2
    assert difference["interval"]["mean"] == pytest.approx(expected)
    assert difference["added_tasks"] == ["buy"]
    for name in ("popularity", "item-kNN", "EASE", "constant"):
        assert f"│ {name}" in done.stdout
    assert "against stars, seed by seed" in done.stdout
    page = (folder / "out/report.html").read_text()
    assert "cosine of stars and buy" in page  # learning curves, gradients and differences
    assert page.count("<svg") >= 4
    assert "src=" not in page
    assert "| EASE |" in (folder / "out/report.md").read_text()


def test_compare_goes_on_with_the_training_that_was_interrupted(run, folder, monkeypatch):
    from mtframework.cli.progress import Lines

    begin = Lines.on_epoch_begin

    def interrupt_in_epoch_2(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == 1:
            signal.raise_signal(signal.SIGINT)

    command = ("compare", "stars.gin", "--run", "runs", "--report", "out")
    with monkeypatch.context() as patched:
        patched.setattr(Lines, "on_epoch_begin", interrupt_in_epoch_2)
        assert run(*command).exit_code == 130
    assert not (folder / "runs/stars/model.keras").exists()
    done = run(*command)
    assert done.exit_code == 0, done.output
    assert "epoch 1 " not in done.stderr
    assert (folder / "runs/stars/model.keras").exists()
    assert len((folder / "runs/stars/metrics.jsonl").read_text().splitlines()) == 2
    whole = run("compare", "stars.gin", "--report", "again", "--json", "again.json")
    assert whole.exit_code == 0, whole.output
    metrics = [
        json.loads(path.read_text())["metrics"]
        for each in ("out", "again")
        for path in (folder / each / "runs").iterdir()
    ]
    assert metrics[0] == metrics[1]


def test_compare_with_what_is_not_compared(run):
    result = run("compare", "stars.gin", "--baseline", "star")
    assert result.exit_code == 1
    assert 'There is no experiment "star" to compare with. Did you mean "stars"?' in result.stderr
    assert "epoch" not in result.stderr


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (("--predict", "shoper=3"), 'The model reads no column "shoper". Did you mean "shopper"?'),
        (("--predict", "shopper=3,age=1"), 'The row to predict lacks the column "product".'),
        (("--recommend", "shopper=3,age=old"), 'The numeric column "age" holds a text'),
        (
            ("--recommend", "shopper=3,age=1", "--k", 10),
            "k is 10, and the catalogue holds 9 candidates.",
        ),
    ],
)
def test_compare_finds_what_it_cannot_answer_before_it_trains(request_, expected, run):
    result = run("compare", "stars.gin", "joint.gin", *request_)
    assert result.exit_code == 1
    assert expected in result.stderr
    assert "epoch" not in result.stderr


def test_evaluate(run, trained, folder):
    result = run("evaluate", trained, "--json", "metrics.json")
    assert result.exit_code == 0, result.output
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"stars/rmse", "buy/top_5", "buy/top_5_filtered"} <= set(metrics)
    wrong = run("evaluate", trained, "--split", "tset")
    assert "'tset' is not one of" in wrong.stderr


def test_predict_rows(run, trained, folder):
    row = "shopper=3,age=0.5,product=product, no. 4"
    result = run("predict", trained, row, "--json", "predicted.json")
    assert result.exit_code == 0, result.output
    [predicted] = json.loads((folder / "predicted.json").read_text())
    assert predicted["product"] == "product, no. 4"
    assert {"stars", "buy"} <= set(predicted)


def test_predict_a_file_gives_what_predicting_rows_gives(run, trained, folder):
    (folder / "in.csv").write_text('note,shopper,age,product\nx,3,0.5,"product, no. 4"\n')
    result = run("predict", trained, "--input", "in.csv", "--output", "out.csv")
    assert result.exit_code == 0, result.output
    run("predict", trained, "shopper=3,age=0.5,product=product, no. 4", "--json", "p.json")
    [predicted] = json.loads((folder / "p.json").read_text())
    with (folder / "out.csv").open() as file:
        [row] = csv.DictReader(file)
    assert row["note"] == "x"
    assert float(row["predicted_stars"]) == pytest.approx(predicted["stars"], abs=1e-4)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("shoper=3", 'The model reads no column "shoper". Did you mean "shopper"?'),
        ("shopper=3,age=old,product=x", 'The numeric column "age" holds a text'),
        ("shopper=3,age=1", 'The features lack the column "product"'),
        ("42", '"42" is not a row.'),
    ],
)
def test_predict_what_cannot_be_predicted(row, expected, run, trained):
    result = run("predict", trained, row)
    assert result.exit_code == 1
    assert expected in result.stderr


def test_recommend(run, trained, folder):
    result = run("recommend", trained, "--query", "shopper=3,age=0", "--k", 9, "--include-seen",
                 "--json", "best.json")  # fmt: skip
    assert result.exit_code == 0, result.output
    [best] = json.loads((folder / "best.json").read_text())
    scores = [each["score"] for each in best["recommendations"]]
    assert len(scores) == 9
    assert scores == sorted(scores, reverse=True)
    unseen = run("recommend", trained, "--query", "shopper=3,age=0", "--k", 9)
    assert unseen.stdout.count("product, no.") < 9


def test_recommend_more_than_there_are(run, trained):
    result = run("recommend", trained, "--query", "shopper=3,age=0", "--k", 10)
    assert result.exit_code == 1
    assert "k is 10, and the catalogue holds 9 candidates." in result.stderr


def test_run_that_is_none(run):
    result = run("predict", "nowhere", "a=1")
    assert result.exit_code == 1
    assert "nowhere is not a run folder" in result.stderr


def test_show(run):
    result = run("show", "stars.gin", "--seed", 4)
    assert result.exit_code == 0, result.output
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in result.stdout.splitlines()]
    assert ["Experiment.batch_size", "32", "joint.gin:7"] in rows
    assert ["MultiTaskModel.tasks", "[@stars/Ranking()]", "stars.gin:2"] in rows
    assert ["Experiment.seed", "4", "--set Experiment.seed = 4"] in rows
    assert ["stars/Ranking.activation", "None", "default"] in rows


def test_check(run, folder):
    (folder / "bad.gin").write_text("include 'joint.gin'\nstars/Ranking.los = 1\nTowr.key = 'a'\n")
    result = run("check", "joint.gin", "bad.gin", "--json", "found.json")
    assert result.exit_code == 1
    assert "joint.gin: no errors, no warnings." in result.stdout
    assert "bad.gin: 2 errors, no warnings." in result.stdout
    found = json.loads((folder / "found.json").read_text())
    assert [(each["file"], each["line"], each["level"]) for each in found] == [
        ("bad.gin", 2, "error"), ("bad.gin", 3, "error")
    ]  # fmt: skip
    assert set(found[0]) == {
        "experiment", "file", "line", "level", "found", "expected", "fix"
    }  # fmt: skip
    assert run("check", "joint.gin").exit_code == 0


def test_list(run, folder):
    result = run("list", "datasets", "--plugin", "tiny_shop.py", "--json", "parts.json")
    assert result.exit_code == 0, result.output
    parts = {each["name"]: each for each in json.loads((folder / "parts.json").read_text())}
    assert parts["tiny_shop"] == {
        "name": "tiny_shop",
        "class": "TinyShop",
        "owner": "tiny_shop",
        "signature": "(num_rows: int = 64)",
        "summary": "A shop of 12 shoppers and 9 products.",
    }
    assert "movielens_100k" in parts


def test_data_prepare(run):
    result = run("data", "prepare", "tiny_shop", "--plugin", "tiny_shop.py")
    assert result.exit_code == 0, result.output
    assert "the shop is ready: 64 rows to train on, 64 to test on, 9 candidates." in result.stdout
    refused = run("data", "prepare", "tiny_shop", "--plugin", "tiny_shop.py", "--raw-dir", "raw")
    assert "The data set tiny_shop takes no raw_dir." in refused.stderr
