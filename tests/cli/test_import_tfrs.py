"""A model that TFRS trained in a process of its own predicts and recommends the same here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mtframework as mtf
from mtframework import config
from mtframework.errors import DataError, ModelError


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder that tfrs_tutorial.py writes."""
    folder = tmp_path_factory.mktemp("tfrs")
    script = Path(__file__).with_name("tfrs_tutorial.py")
    subprocess.run(
        [sys.executable, str(script), str(folder)],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        check=True,
        capture_output=True,
    )
    return folder


def test_imported_model_predicts_and_recommends_what_tfrs_does(saved, run, folder):
    expected = json.loads((saved / "expected.json").read_text())
    result = run("import-tfrs", saved / "tutorial", "--run", "imported")
    assert result.exit_code == 0, result.output
    assert "Imported 3 users and 14 movies" in result.stdout
    model = mtf.Run.open("imported").load_model()
    users, movies = map(np.array, zip(*expected["rows"], strict=True))
    rows = model.encode({"user_id": users, "movie_title": movies})
    ratings = model.predict(rows, verbose=0)["rating"]
    np.testing.assert_allclose(ratings, expected["ratings"], rtol=1e-5)
    best = model.recommend({"user_id": expected["users"]}, k=10)
    assert best["movie_title"].tolist() == expected["titles"]
    np.testing.assert_allclose(best["score"], expected["scores"], rtol=1e-4)
    shown = run("recommend", "imported", "--query", "user_id=42", "--k", 3)
    assert shown.stdout.count("Film ") == 3
    # Its configuration is the imported model's, for an experiment to go on from.
    loaded = config.load("imported/config.gin", ["Experiment.optimizer = @Adam()"])
    assert [finding.found for finding in loaded.findings] == []
    assert loaded.left_to_set == "Experiment.dataset"


def test_nothing_is_overwritten(saved, run, folder):
    (folder / "taken").mkdir()
    (folder / "taken" / "mine.txt").write_text("mine")
    refused = run("import-tfrs", saved / "tutorial", "--run", "taken")
    assert refused.exit_code == 1
    assert "taken exists and is not empty." in refused.stderr
    assert [path.name for path in (folder / "taken").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("tanh", ModelError, "The rating of user_id=.* here and .* by the SavedModel"),
        ("masked", DataError, "The user_model of .* with ids from 2 to 4, in 5 embeddings"),
        ("nowhere", DataError, "it has no saved_model.pb"),
    ],
)
def test_what_is_not_the_tutorials_model_is_refused(name, error, text, saved):
    with pytest.raises(error, match=f"{text}[\\s\\S]*fix: "):
        mtf.import_tfrs(saved / name)


def test_other_columns_are_named(saved):
    with pytest.raises(DataError, match=r'reads no column "user"[\s\S]*"movie_title", "user_id"'):
        mtf.import_tfrs(saved / "tutorial", query_column="user")


def test_a_damaged_model_is_one_error(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x00 no model")
    with pytest.raises(DataError, match="cannot be read"):
        mtf.import_tfrs(tmp_path)
