"""The tutorial's notebook runs, and its stored outputs are what it prints."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
RUNNER = Path(__file__).with_name("notebook.py")


def cells_of(path: Path, kind: str) -> list[dict]:
    return [
        cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == kind
    ]


def words_of(cell: dict) -> list[str]:
    return "".join(line for output in cell["outputs"] for line in output["text"]).split()


def test_stored_outputs_are_what_the_cells_print(tmp_path):
    copy = tmp_path / NOTEBOOK.name
    shutil.copy(NOTEBOOK, copy)
    answer = subprocess.run(
        [sys.executable, str(RUNNER), copy.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    stored, printed = cells_of(NOTEBOOK, "code"), cells_of(copy, "code")
    assert any(words_of(cell) for cell in stored)
    for number, (old, new) in enumerate(zip(stored, printed, strict=True), start=1):
        assert len(words_of(old)) == len(words_of(new)), f"code cell {number}"
        for expected, found in zip(words_of(old), words_of(new), strict=True):
            assert expected == found or number_of(found) == pytest.approx(
                number_of(expected), rel=0.05, abs=0.15
            ), f"Code cell {number} prints {found}; run {RUNNER.name} to store it."


def number_of(word: str) -> float:
    try:
        return float(word.strip("[],"))
    except ValueError:
        return float("nan")  # equal to nothing
