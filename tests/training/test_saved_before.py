"""Runs and models that version 0.1 wrote before its modules moved are read as they were."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mtframework import Run

FOLDER = Path(__file__).parent / "saved_by_0_1"


@pytest.mark.parametrize("name", ["shared", "history"])
def test_a_run_of_the_version_before_predicts_what_it_predicted(name):
    model = Run.open(FOLDER / name).load_model()
    with open(FOLDER / name / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    raw = {column: [row[column] for row in rows] for column in ("who", "what", "genre")}
    raw |= {column: [float(row[column]) for row in rows] for column in ("age", "at")}
    predicted = model.predict(model.encode(raw), verbose=0)
    for task in model.tasks:
        expected = [float(row[f"predicted_{task}"]) for row in rows]
        np.testing.assert_allclose(predicted[task], expected, rtol=1e-5, atol=1e-5)


def test_the_model_still_recommends():
    model = Run.open(FOLDER / "shared").load_model()
    best = model.recommend({"who": ["w1"], "age": [21.0]}, k=3, exclude_seen=False)
    assert len(set(best["what"][0])) == 3
