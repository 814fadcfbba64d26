"""Several devices and processes train what one device trains. Each model in its own processes.

The model has in-batch negatives with the logQ correction, ratings with weights and gaps, experts,
and a gradient balancer; matrix.py has others.
"""

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli.conftest import write_experiments
from distribution.running import PROGRAM, Result, differences, start, train
from typer.testing import CliRunner

import mtframework as mtf
from mtframework.cli.app import app

NUM_SHOPPERS = 1601  # and the unknown one; four devices have 401 each
TABLE = "encoder/shopper_categorical/table/embeddings"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("spread")


@pytest.fixture(scope="module")
def alone(folder) -> Result:
    """What one device comes to."""
    return train("balanced+wide+judged", folder)[0]


@pytest.fixture(scope="module")
def rows(folder) -> Result:
    """The same with the rows of the shoppers' table on four devices."""
    return train("balanced+wide+judged+rows+text", folder, num_devices=4)[0]


def test_four_devices_with_a_table_by_rows_come_to_the_same(alone, rows):
    assert {"history val_find/loss", "history gradient_cosine/rating/find"} <= set(alone.arrays)
    assert differences(alone, rows) == []


def test_each_device_holds_its_rows_of_the_table_and_of_what_the_optimizer_remembers(rows):
    parts = {name: held for name, held in rows.shares.items() if held[0] != held[1]}
    assert len(parts) == 3, parts  # the table and Adam's two moments
    for whole, held in parts.values():
        assert (whole, held) == ([1604, 8], [401, 8])


def test_no_device_gathers_the_table(rows):
    moved = {"all-gather": "", "all-to-all": "", "all-reduce": ""}
    for line in rows.text.splitlines():
        for kind in moved:
            shapes, found, _ = line.partition(f" {kind}(")
            moved[kind] += shapes if found else ""
    assert "f32[100,8]" in moved["all-gather"]  # the batch's candidates, negatives of all
    # Each device looks up the rows that it has, and what they find is added up.
    assert "f32[100,8]" in moved["all-reduce"]
    assert not [kind for kind, shapes in moved.items() if re.search("1604|1601", shapes)]


def test_a_table_by_rows_is_saved_whole(rows):
    model = mtf.Run.open(rows.folder).load_model()
    [table] = [each for each in model.weights if each.path.endswith(TABLE)]
    assert table.shape == (NUM_SHOPPERS, 8)
    [trained] = [value for name, value in rows.arrays.items() if name == f"end {table.path}"]
    np.testing.assert_array_equal(np.asarray(table), trained)


def test_two_processes_come_to_the_same_and_one_of_them_writes(alone, folder):
    first, second = train("balanced+wide+judged+spread", folder, num_processes=2)
    assert differences(alone, first) == []
    assert differences(alone, second) == []
    assert (first.folder / "model.keras").is_file()
    assert len((first.folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert not second.folder.exists()


def test_a_process_that_is_killed_ends_the_other_with_the_reason(tmp_path):
    command = [sys.executable, PROGRAM, "endless+spread", str(tmp_path / "run")]
    first, second = start(command, num_processes=2)
    for line in first.stdout or ():
        if line == "under way\n":
            break
    second.kill()
    killed = time.monotonic()
    told, _ = first.communicate(timeout=60)
    assert time.monotonic() - killed < 10
    assert first.returncode == 1, told
    assert "Error: The process 1 has ended, or cannot be reached" in told
    second.communicate()


def test_the_command_trains_in_two_processes_and_its_run_is_like_any_other(tmp_path, monkeypatch):
    write_experiments(tmp_path)
    spread = "include 'joint.gin'\nExperiment.distribution = @Distribution()\n"
    (tmp_path / "spread.gin").write_text(spread)
    tests = str(Path(__file__).parents[1])
    command = f"import sys; sys.path.insert(0, {tests!r}); import distribution.without_others; "
    command += "from mtframework.cli.app import main; main()"
    arguments = ["train", "spread.gin", "--run", "run", "--plugin", "tiny_shop.py"]
    processes = start([sys.executable, "-c", command, *arguments], num_processes=2, cwd=tmp_path)
    told = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert "epoch 2/2" in told[0]
    assert "the run is in run." in told[0]
    assert "epoch" not in told[1]
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["evaluate", "run", "--trust"])
    assert ended.exit_code == 0, ended.output
    assert "buy/top_5" in ended.output
