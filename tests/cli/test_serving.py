"""Predictions, recommendations and an export of a run with a fusion, in files."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import mtframework as mtf
from mtframework.cli.app import app


@pytest.fixture
def trained(run, folder, fused_run):
    """A finished run in runs/joint, with a fusion."""
    shutil.copytree(fused_run, "runs/joint")
    return mtf.Run.open("runs/joint")


def read_csv(path: str) -> list[dict[str, str]]:
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def test_recommend_and_export(run, trained, folder):
    recommender = mtf.Recommender(trained.load_model(), trained.load_fusion())
    asked = {"shopper": [str(i) for i in range(4)], "age": [0.5, -1.0, 0.0, 2.0]}
    expected = recommender.recommend(asked, 3)
    query = ("--query", "shopper=0,age=0.5", "--query", "shopper=1,age=-1")

    shown = run("recommend", trained.path, *query, "--k", 3, "--json", "shown.json")
    assert shown.exit_code == 0, shown.output
    heads = [line.split() for line in shown.stdout.splitlines() if line.startswith("┃")]
    assert heads[0] == ["┃", "┃", "product", "┃", "score", "┃", "buy", "┃", "stars", "┃"]
    for row, answer in enumerate(json.loads(Path("shown.json").read_text())):
        found = answer["recommendations"]
        assert [each["product"] for each in found] == [each for each in expected.ids[row] if each]
        for place, each in enumerate(found):
            assert each["score"] == pytest.approx(expected.score[row, place], rel=1e-4)
            fused = each["scores"]["stars"] - 0.5 * each["scores"]["buy"]
            assert each["score"] == pytest.approx(fused, rel=1e-4)

    pq.write_table(pa.table({**asked, "note": ["x"] * 4}), "asked.parquet")
    written = run("recommend", trained.path, "--input", "asked.parquet", "--output", "best.csv",
                  "--k", 3)  # fmt: skip
    assert written.exit_code == 0, written.output
    assert "4 queries in" in written.stderr
    rows = read_csv("best.csv")
    left = expected.ids != ""
    assert [row["product"] for row in rows] == expected.ids[left].tolist()
    assert [int(row["rank"]) for row in rows] == (np.nonzero(left)[1] + 1).tolist()
    scores = [float(row["score_buy"]) for row in rows]
    np.testing.assert_allclose(scores, expected.scores["buy"][left], rtol=1e-4)

    everyone = run("recommend", trained.path, "--all", "--output", "all.parquet", "--k", 9,
                   "--task", "stars", "--index", "exact")  # fmt: skip
    assert everyone.exit_code == 0, everyone.output
    table = pq.read_table("all.parquet").to_pandas()
    assert list(table.columns) == ["shopper", "rank", "product", "score"]
    assert sorted(set(table["shopper"])) == sorted(str(i) for i in range(12))
    # Nobody is shown what was seen: 12 · 9 pairs less the different ones of the training rows.
    draw = np.random.default_rng(1)
    shoppers, _, products = draw.integers(0, 12, 64), draw.normal(size=64), draw.integers(0, 9, 64)
    assert len(table) == 12 * 9 - len(set(zip(shoppers, products, strict=True)))

    near = run("recommend", trained.path, "--all", "--output", "near.jsonl", "--index", "faiss")
    assert near.exit_code == 1  # k is 10
    near = run("recommend", trained.path, "--all", "--output", "near.jsonl", "--index", "faiss",
               "--k", 3)  # fmt: skip
    assert "faiss found 100.0% of the best 3 that an exact search finds." in near.stdout
    assert set(json.loads(Path("near.jsonl").read_text().splitlines()[0])) == {
        "shopper", "rank", "product", "score", "score_stars", "score_buy"
    }  # fmt: skip

    exported = run("export", trained.path, "served/1")
    assert exported.exit_code == 0, exported.output
    assert Path("served/1/saved_model.pb").is_file()
    embeddings = pq.read_table("served/1/query_embeddings.parquet")
    assert sorted(embeddings["shopper"].to_pylist()) == sorted(str(i) for i in range(12))
    again = run("export", trained.path, "served/1")
    assert "served/1 exists and is not empty." in again.stderr


def test_predict_files(run, trained, folder):
    rows = {
        "shopper": ["3", "nobody"],
        "age": [0.5, 1.0],
        "product": ["product, no. 4", "new"],
        "note": ["x", "y"],
    }
    model = trained.load_model()
    expected = model.predict(model.encode(rows), verbose=0)
    pq.write_table(pa.table(rows), "in.parquet")
    for source, target in (("in.parquet", "out.csv"), ("out.csv", "out.jsonl")):
        done = run("predict", trained.path, "--input", source, "--output", target)
        if source == "out.csv":  # it has predictions already
            assert 'out.csv has a column "predicted_stars" already.' in done.stderr
            assert not Path(target).exists()
            continue
        assert done.exit_code == 0, done.output
    written = read_csv("out.csv")
    assert [row["note"] for row in written] == ["x", "y"]
    for task in ("stars", "buy"):
        found = [float(row[f"predicted_{task}"]) for row in written]
        np.testing.assert_allclose(found, expected[task], rtol=1e-5)
    (folder / "bad.csv").write_text("shopper,ago,product\n3,1,a\n")
    bad = run("predict", trained.path, "--input", "bad.csv", "--output", "bad.jsonl")
    assert 'bad.csv lacks the column "age". Did you mean "ago"?' in bad.stderr
    assert "fix: Add the column, or give it that name in the file." in bad.stderr
    (folder / "bad.csv").write_text("shopper,age,product\n3,old,a\n")
    bad = run("predict", trained.path, "--input", "bad.csv", "--output", "bad.jsonl")
    assert 'bad.csv: 1 rows read, 0 accepted, 1 rejected: "age" is not a number (1).' in bad.stderr
    assert not list(folder.glob("*bad.jsonl*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "Give one of --query, --input and --all"),
        (("--all",), "Give --output together with"),
        (("--query", "a=1", "--output", "x.csv"), "Give --output together with"),
        (("--all", "--query", "a=1", "--output", "x.csv"), "Give one of"),
        (("--all", "--output", "x.csv", "--json", "y"), "--json is for --query"),
    ],
)
def test_arguments_that_do_not_go_together(arguments, expected):
    result = CliRunner().invoke(app, ["recommend", "runs/none", *arguments])
    assert result.exit_code == 2
    assert expected in " ".join(result.stderr.replace("│", " ").split())


TIMED = """
import numpy as np
import mtframework as mtf
from mtframework.registry import register_dataset
from tiny_shop import TinyShop


@register_dataset("timed_shop")
class TimedShop(TinyShop):
    schema = mtf.Schema(
        (*TinyShop.schema, mtf.Column("when", "numeric", "timestamp")), "shopper", "product"
    )

    def load(self, progress=None):
        shop = TinyShop(self.num_rows).load()
        when = 1_600_000_000 + 86_400 * np.arange(self.num_rows)
        rows = {**shop.train, "when": when}
        return mtf.Dataset(self.schema, rows, rows, shop.catalogue)
"""


def test_who_gives_no_time_asks_now(run, folder):
    (folder / "timed_shop.py").write_text(TIMED)
    (folder / "timed.gin").write_text(
        "include 'joint.gin'\nimport timed_shop\n"
        "Experiment.dataset = @TimedShop()\n"
        "shopper/Tower.features = ['shopper', @when/Bucketed()]\n"
        "when/Bucketed.column = 'when'\n"
    )
    trained = run("train", "timed.gin", "--trust")
    assert trained.exit_code == 0, trained.output
    latest = 1_600_000_000 + 86_400 * 63
    files = {"now": "shopper,product\n3,a\n", "latest": f"shopper,product,when\n3,a,{latest}\n"}
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text(rows)
        for command, to in (("recommend", f"{name}_best.csv"), ("predict", f"{name}_out.csv")):
            size = ("--k", 2) if command == "recommend" else ()
            done = run(command, "runs/timed", "--input", f"{name}.csv", "--output", to, *size)
            assert done.exit_code == 0, done.output
            told = (
                f'{name}.csv has no column "when": its rows are taken to happen now.' in done.stderr
            )
            assert told == (name == "now")
    assert read_csv("now_best.csv") == read_csv("latest_best.csv")
    (now,), (later,) = read_csv("now_out.csv"), read_csv("latest_out.csv")
    assert later.pop("when")
    assert now == later
    everyone = run("recommend", "runs/timed", "--all", "--output", "everyone.csv", "--k", 2)
    assert everyone.exit_code == 0, everyone.output
    best = [row["product"] for row in read_csv("everyone.csv") if row["shopper"] == "3"]
    assert best == [row["product"] for row in read_csv("now_best.csv")]


def test_keys_that_the_model_does_not_know_are_told(run, trained, folder):
    Path("pairs.csv").write_text(
        'shopper,age,product\n0,0.5,nope\n1,0.5,nada\n2,0.5,"product, no. 1"\n'
    )
    written = run("predict", trained.path, "--input", "pairs.csv", "--output", "out.csv")
    assert written.exit_code == 0, written.output
    assert '2 of 3 rows have a "product" that the model does not know' in written.stderr
    assert 'such as "nope"' in written.stderr
    assert '"shopper"' not in written.stderr
    shown = run("recommend", trained.path, "--query", "shopper=nobody,age=0.5", "--k", 2)
    assert '1 of 1 rows have a "shopper" that the model does not know' in shown.stderr
    shown = run("recommend", trained.path, "--query", "shopper=0,age=0.5", "--k", 2)
    assert "does not know" not in shown.stderr


def test_a_run_that_python_trained(run, trained, folder):
    """It holds no configuration; its model says all that a prediction needs."""
    (trained.path / "config.gin").unlink()
    asked = run("predict", trained.path, "shopper=3,product=product, no. 4", "--json", "p.json")
    assert asked.exit_code == 0, asked.output  # the age is what training last met of shopper 3
    (row,) = json.loads(Path("p.json").read_text())
    known = trained.load_model().queries.columns["age"]
    ids = trained.load_model().vocabularies["shopper"].ids(["3"])
    again = run("predict", trained.path, f"shopper=3,age={known[ids][0]},product=product, no. 4")
    assert f"{row['stars']:.3f}" in again.stdout
    refused = run("evaluate", trained.path)
    assert refused.exit_code == 1
    assert "holds no config.gin: it was trained from Python" in refused.stderr


def test_texts_that_a_spreadsheet_would_run(run, trained):
    rows = {
        "shopper": ["=1+1", "+x3", "-3", "@x", "a=1"],
        "age": ["-1.5", "0", "0", "0", "0"],
        "product": ["product, no. 4"] * 5,
        "=note": ["\tcmd", "=HYPERLINK(1)", "", "-", "fine"],
    }
    with Path("in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows, *zip(*rows.values(), strict=True)])
    arguments = ("predict", trained.path, "--input", "in.csv", "--output")
    assert run(*arguments, "plain.csv").exit_code == 0
    assert [row["shopper"] for row in read_csv("plain.csv")] == rows["shopper"]
    done = run(*arguments, "out.csv", "--for-spreadsheet")
    assert done.exit_code == 0, done.output
    written = read_csv("out.csv")
    assert [row["shopper"] for row in written] == ["'=1+1", "'+x3", "-3", "'@x", "a=1"]
    notes = ["'\tcmd", "'=HYPERLINK(1)", "", "'-", "fine"]
    assert [row["'=note"] for row in written] == notes
    assert [row["age"] for row in written] == rows["age"]
    plain = read_csv("plain.csv")
    for task in ("stars", "buy"):
        name = f"predicted_{task}"
        assert [row[name] for row in written] == [row[name] for row in plain]
    refused = run(*arguments, "out.jsonl", "--for-spreadsheet")
    assert refused.exit_code == 1
    assert "out.jsonl is meant for a spreadsheet, but is not a CSV file." in refused.stderr
    assert run("predict", trained.path, "shopper=1,product=a", "--for-spreadsheet").exit_code == 2
