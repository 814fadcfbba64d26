"""Histories on the command line: in a query, in files, in an export, and over HTTP."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import mtframework as mtf
from mtframework.cli.app import app
from mtframework.serving.http.event_log import EventLog
from mtframework.serving.http.service import Request, Service
from mtframework.serving.recommender import Recommender

EXPERIMENT = """
Experiment.dataset = @SequenceFile()
Experiment.model = @MultiTaskModel()
Experiment.optimizer = @Adam()
Experiment.batch_size = 64
Experiment.epochs = 15
Adam.learning_rate = 0.03
MultiTaskModel.towers = [@user/SequenceTower(), @item/Tower()]
MultiTaskModel.tasks = [@next/Retrieval()]
SequenceFile.path = '{path}'
user/SequenceTower.history = 'item_id'
user/SequenceTower.key = 'user_id'
user/SequenceTower.encoder = @DecayedMean()
user/SequenceTower.max_length = 6
SequenceTower.embedding_dim = 16
Tower.embedding_dim = 16
item/Tower.features = ['item_id']
next/Retrieval.query = 'user'
next/Retrieval.candidate = 'item'
next/Retrieval.negatives = 'catalogue'
"""


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def rows_of(path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on people each of whom takes the items around a circle, from anywhere."""
    folder = tmp_path_factory.mktemp("circle")
    lines = [
        " ".join([f"u{number}", *(f"i{(number + step) % 12}" for step in range(7))])
        for number in range(60)
    ]
    (folder / "circle.txt").write_text("\n".join(lines) + "\n")
    (folder / "circle.gin").write_text(EXPERIMENT.format(path=folder / "circle.txt"))
    output = run("train", str(folder / "circle.gin"), "--run", str(folder / "run"))
    assert "Trained in" in output
    return folder


def best_of(folder, query: str) -> list[str]:
    target = folder / "found.json"
    run("recommend", str(folder / "run"), "--query", query, "--k", "2", "--json", str(target))
    [answer] = json.loads(target.read_text())
    return [each["item_id"] for each in answer["recommendations"]]


def test_a_query_brings_its_history(trained):
    assert best_of(trained, "history=i3|i4|i5")[0] == "i6"
    assert best_of(trained, "user_id=nobody,history=i10|i11")[0] == "i0"
    # u0 trained on i0 to i4.
    assert best_of(trained, "user_id=u0")[0] == "i5"
    assert best_of(trained, "user_id=u0,recent=i7|i8")[0] == "i9"


def test_unknown_candidates_of_a_history_are_counted(trained):
    told = run("recommend", str(trained / "run"), "--query", "history=i3|never|i4|made|i5")
    assert (
        '2 of 5 events have a "item_id" that the model does not know, such as "never"'
        in " ".join(told.split())
    )


def test_a_model_without_histories_refuses_them(trained, tmp_path):
    plain = (trained / "circle.gin").read_text().replace("user/SequenceTower()", "user/Tower()")
    kept = [line for line in plain.splitlines() if "SequenceTower" not in line]
    (tmp_path / "plain.gin").write_text(
        "\n".join([*kept, "user/Tower.features = ['user_id']", "Experiment.epochs = 1"]).replace(
            "Experiment.epochs = 15\n", ""
        )
    )
    run("train", str(tmp_path / "plain.gin"), "--run", str(tmp_path / "run"))
    told = run("recommend", str(tmp_path / "run"), "--query", "user_id=u1,history=i1", code=1)
    assert 'no column "history"' in " ".join(told.split())


@pytest.mark.parametrize("name", ["asked.csv", "asked.jsonl"])
def test_files_bring_histories(trained, tmp_path, name):
    histories = {"a": ["i3", "i4", "i5"], "b": ["i8"], "u0": ["i7", "i8"]}
    if name.endswith("csv"):
        rows = [f"{user},{'|'.join(items)}" for user, items in histories.items()]
        (tmp_path / name).write_text("\n".join(["user_id,history", *rows]))
    else:
        rows = [{"user_id": user, "history": items} for user, items in histories.items()]
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    target = tmp_path / "found.csv"
    source = ("--input", str(tmp_path / name), "--output", str(target), "--k", "1")
    run("recommend", str(trained / "run"), *source)
    found = {row["user_id"]: row["item_id"] for row in rows_of(target)}
    assert found == {"a": "i6", "b": "i9", "u0": "i9"}


def test_predict_reads_histories(trained, tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id,history\na,i6,i4|i5\na,i1,i4|i5\n")
    target = tmp_path / "scores.csv"
    files = ("--input", str(tmp_path / "rows.csv"), "--output", str(target))
    run("predict", str(trained / "run"), *files)
    right, wrong = (float(row["predicted_next"]) for row in rows_of(target))
    assert right > wrong


def test_events_over_http_count_in_the_next_answer(trained, tmp_path):
    model = mtf.load_model(trained / "run" / "model.keras")
    log = EventLog(tmp_path / "events.jsonl", model.schema)
    service = Service(Recommender(model), "1", log)

    def best() -> str:
        [[found]] = service.recommend([Request([{"user_id": "new"}], k=1)])
        return found[0]["id"]

    best()
    log.append([{"event_id": "1", "user_id": "new", "item_id": "i2"}])
    assert best() == "i3"
    log.append([{"event_id": "2", "user_id": "new", "item_id": "i7"}])
    assert best() == "i8"
    [[found]] = service.recommend([Request([{"user_id": "new", "history": ["i4"]}], k=1)])
    assert found[0]["id"] == "i5"


def test_a_known_query_is_answered_alike_by_all_doors(trained):
    model = mtf.load_model(trained / "run" / "model.keras")
    found = model.recommend({"user_id": ["u0", "u5"]}, k=3)
    again = Recommender(model).recommend({"user_id": ["u0", "u5"]}, k=3)
    assert np.array_equal(found["item_id"], again.ids)
    encoded = model.encode({"user_id": ["u0"], "item_id": ["i5"]})
    assert model.predict(encoded, verbose=0)["next"][0] == pytest.approx(found["score"][0, 0])
