"""Trainings that are killed at random moments and resumed, in processes of their own.

`python tests/training/killing.py NUM_KILLS` is `make kills`: it kills every case so often, and
prints a table.
"""

import argparse
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import h5py
import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet
from shop import make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.balancing.dynamic_weight_average import DynamicWeightAverage
from mtframework.balancing.graddrop import GradientSignDropout
from mtframework.balancing.gradvac import GradientVaccine
from mtframework.balancing.pcgrad import ProjectConflicting
from mtframework.balancing.random_weights import RandomWeights

EPOCHS = 12


def _model(balancer=None, **changes) -> mtf.MultiTaskModel:
    return mtf.MultiTaskModel(make_towers(), make_tasks(), **changes, **(balancer or {}))


def _experiment(model, optimizer=None, **changes) -> mtf.Experiment:
    arguments = {
        "dataset": Shop(),
        "model": model,
        "optimizer": optimizer or keras.optimizers.Adam(0.01),
        "batch_size": 64,
        "epochs": EPOCHS,
        "seed": 5,
        "checkpoint_minutes": 0.001,
    }
    return mtf.Experiment(**{**arguments, **changes})


class Shop(mtf.DatasetSource):
    schema = make_shop().schema

    def load(self, progress=None):
        return make_shop(validation=shop_rows(100, seed=3))


def small() -> mtf.Experiment:
    """A model that compiles in a second."""
    buy = mtf.BinaryFeedback("buy", label="bought", hidden_units=[])
    towers = [mtf.Tower(name, [name], embedding_dim=4, dropout=0.2) for name in make_names()]
    return _experiment(mtf.MultiTaskModel(towers, [buy]))


def plain() -> mtf.Experiment:
    return _experiment(_model())


def dropout() -> mtf.Experiment:
    towers = [mtf.Tower(name, [name], embedding_dim=8, dropout=0.3) for name in make_names()]
    return _experiment(mtf.MultiTaskModel(towers, make_tasks(), sharing=mtf.MMoE(2, [8])))


def make_names() -> list[str]:
    return [tower.name for tower in make_towers()]


def mixed_precision() -> mtf.Experiment:
    keras.config.set_dtype_policy("mixed_float16")
    return _experiment(_model())


def accumulation() -> mtf.Experiment:
    return _experiment(_model(), keras.optimizers.Adam(0.01, gradient_accumulation_steps=3))


def moving_average() -> mtf.Experiment:
    return _experiment(_model(), keras.optimizers.SGD(0.01, momentum=0.9, use_ema=True))


def schedule() -> mtf.Experiment:
    rate = keras.optimizers.schedules.CosineDecay(0.02, 40)
    return _experiment(_model(), keras.optimizers.Adagrad(rate))


def early_stopping() -> mtf.Experiment:
    stopping = mtf.EarlyStopping({"rating/rmse": -1.0, "find/top_5": 1.0}, patience=2)
    return _experiment(_model(), early_stopping=stopping)


def graddrop() -> mtf.Experiment:
    return _experiment(_model(gradient_balancer=GradientSignDropout()))


def pcgrad() -> mtf.Experiment:
    return _experiment(_model(gradient_balancer=ProjectConflicting()))


def gradvac() -> mtf.Experiment:
    return _experiment(_model(gradient_balancer=GradientVaccine()))


def random_weights() -> mtf.Experiment:
    return _experiment(_model(loss_balancer=RandomWeights()))


def weight_average() -> mtf.Experiment:
    return _experiment(_model(loss_balancer=DynamicWeightAverage()))


def streamed() -> mtf.Experiment:
    rows = shop_rows(400, seed=1)
    path = Path(tempfile.gettempdir()) / f"mtframework-kills-{os.getppid()}.parquet"
    if not path.exists():
        table = pa.table({name: pa.array(rows[name].tolist()) for name in ("product", "bought")})
        names = pa.array([f"shopper {each}" for each in rows["shopper"]])
        table = table.append_column("shopper", names)
        partial = path.with_suffix(f".{os.getpid()}")
        pyarrow.parquet.write_table(table, partial, row_group_size=50)
        partial.replace(path)
    columns = {"shopper": "query key", "product": "candidate key", "bought": "label"}
    data = mtf.Tables(str(path), columns=columns, in_memory=False)
    tasks = [each for each in make_tasks() if each.name == "find"]
    tasks.append(mtf.BinaryFeedback("buy", label="bought", hidden_units=[]))
    return _experiment(mtf.MultiTaskModel(make_towers(), tasks), dataset=data)


CASES: dict[str, Callable[[], mtf.Experiment]] = {
    each.__name__: each
    for each in (
        *(small, plain, dropout, mixed_precision, accumulation, moving_average, schedule),
        *(early_stopping, graddrop, pcgrad, gradvac, random_weights, weight_average, streamed),
    )
}


def train(case: str, folder: Path) -> None:
    """Trains, or goes on with, the run of a case."""
    is_begun = (folder / "run.json").exists()
    run = mtf.Run.resume(folder) if is_begun else mtf.Run.create(folder)
    mtf.train(CASES[case](), run)


def start(case: str, folder: Path) -> int:
    """Starts a process that trains, and returns its number.

    It is a fork: it has imported everything, and computed nothing.
    """
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        told = os.open(folder.with_suffix(".txt"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(told, stream)
        train(case, folder)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def train_with_kills(
    case: str, folder: Path, draw: random.Random, seconds: float, most: int
) -> int:
    """Trains to the end with at most so many kills, and returns how many there were.

    Args:
        case: Which experiment.
        folder: The run folder.
        draw: Draws the moments.
        seconds: How long the training takes without a kill.
        most: After so many kills it is left to end.
    """
    kills = 0
    while True:
        process = start(case, folder)
        if kills < most:
            time.sleep(draw.uniform(0.0, seconds))
            os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if os.WIFSIGNALED(status):
            kills += 1
        elif os.WEXITSTATUS(status):
            raise AssertionError(folder.with_suffix(".txt").read_text()[-4000:])
        if (folder / "model.keras").exists():
            return kills


def arrays_of(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of each array of a finished run's model."""
    found = {}

    def add(name, value):
        if isinstance(value, h5py.Dataset):
            found[name] = hashlib.sha256(np.asarray(value).tobytes()).hexdigest()

    with zipfile.ZipFile(folder / "model.keras") as file:
        content = file.read("model.weights.h5")
    with h5py.File(io.BytesIO(content)) as weights:
        weights.visititems(add)
    return found


def lines_of(folder: Path) -> list[dict]:
    """Returns the metrics of each epoch, without how long it took."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: each for name, each in line.items() if name != "seconds"} for line in lines]


def unequal(one: Path, two: Path) -> str:
    """Returns what differs between two finished runs; an empty text where nothing does."""
    first, second = arrays_of(one), arrays_of(two)
    found = [
        name for name in dict.fromkeys((*first, *second)) if first.get(name) != second.get(name)
    ]
    if lines_of(one) != lines_of(two):
        found.append("the lines of metrics.jsonl")
    left = [each.name for each in two.iterdir() if each.name not in os.listdir(one)]
    return ", ".join((*found, *(f"{name} is left over" for name in left)))


def kill(case: str, folder: Path, num_kills: int, seed: int = 0) -> tuple[int, int]:
    """Kills a case so often, in as many trainings as that needs; returns kills and trainings.

    Raises:
        AssertionError: A resumed training failed, or ended with something else.
    """
    whole = folder / f"{case}-whole"
    began = time.monotonic()
    _, status = os.waitpid(start(case, whole), 0)
    seconds = time.monotonic() - began
    assert not status, whole.with_suffix(".txt").read_text()[-4000:]
    draw = random.Random(f"{case} {seed}")
    kills = trainings = 0
    while kills < num_kills:
        run = folder / f"{case}-{trainings}"
        kills += train_with_kills(case, run, draw, seconds, most=min(num_kills - kills, 20))
        trainings += 1
        found = unequal(whole, run)
        assert not found, f"{case}, training {trainings}: {found}"
        shutil.rmtree(run)
    return kills, trainings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kills", type=int, help="how often each case is killed")
    parser.add_argument("--case", action="append", choices=list(CASES))
    arguments = parser.parse_args()
    print(f"| case on {keras.backend.backend()} | kills | trainings | ends the same |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for case in arguments.case or CASES:
            kills, trainings = kill(case, Path(folder), arguments.kills)
            print(f"| {case.replace('_', ' ')} | {kills} | {trainings} | yes |", flush=True)


if __name__ == "__main__":
    main()
