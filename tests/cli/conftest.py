"""The command line in a folder of its own, with a small data set from a plugin file."""

import contextlib
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mtframework import config

SHOP = '''
import numpy as np
import mtframework as mtf
from mtframework.registry import register_dataset


@register_dataset("tiny_shop")
class TinyShop(mtf.DatasetSource):
    """A shop of 12 shoppers and 9 products."""

    schema = mtf.Schema(
        (
            mtf.Column("shopper", "categorical", "query"),
            mtf.Column("age", "numeric", "query"),
            mtf.Column("product", "categorical", "candidate"),
            mtf.Column("stars", "numeric", "label"),
        ),
        query_key="shopper",
        candidate_key="product",
    )

    def __init__(self, num_rows: int = 64):
        self.num_rows = num_rows

    def load(self, progress=None):
        products = np.array([f"product, no. {i}" for i in range(9)])
        def rows(seed):
            draw = np.random.default_rng(seed)
            return {
                "shopper": draw.integers(0, 12, self.num_rows).astype(str),
                "age": draw.normal(size=self.num_rows),
                "product": products[draw.integers(0, 9, self.num_rows)],
                "stars": draw.integers(1, 6, self.num_rows).astype(float),
            }
        return mtf.Dataset(self.schema, rows(1), rows(2), {"product": products}, name="the shop")
'''

JOINT = """
import tiny_shop

Experiment.dataset = @TinyShop()
Experiment.model = @MultiTaskModel()
Experiment.optimizer = @Adagrad()
Experiment.batch_size = 32
Experiment.epochs = 2
MultiTaskModel.towers = [@shopper/Tower(), @product/Tower()]
MultiTaskModel.tasks = [@stars/Ranking(), @buy/Retrieval()]
Tower.embedding_dim = 4
shopper/Tower.features = ['shopper', 'age']
product/Tower.features = ['product']
stars/Ranking.label = 'stars'
buy/Retrieval.query = 'shopper'
buy/Retrieval.candidate = 'product'
"""


FUSION = "\nExperiment.fusion = @Fusion()\nFusion.weights = {'stars': 1.0, 'buy': -0.5}\n"


def write_experiments(folder: Path) -> None:
    """Writes joint.gin, stars.gin and the plugin that they import."""
    (folder / "tiny_shop.py").write_text(SHOP)
    (folder / "joint.gin").write_text(JOINT)
    (folder / "stars.gin").write_text(
        "include 'joint.gin'\nMultiTaskModel.tasks = [@stars/Ranking()]\n"
    )


def invoke(*arguments):
    """Runs `mtframework` with arguments; gives exit_code, stdout and stderr."""
    from mtframework.cli.app import app

    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with joint.gin, stars.gin and the plugin that they import."""
    monkeypatch.chdir(tmp_path)
    write_experiments(tmp_path)
    # Each folder has a plugin file of its own by that name.
    monkeypatch.delitem(sys.modules, "tiny_shop", raising=False)
    # It is the user's own: what is loaded already needs no --trust where a file imports it.
    config.load_parts(plugins=["tiny_shop.py"])
    return tmp_path


@pytest.fixture
def run(folder):
    """Runs `mtframework` in the working directory."""
    return invoke


def train_joint(folder: Path, more: str = "") -> Path:
    """Trains joint.gin with `more` in it, in an empty folder, and returns its run."""
    write_experiments(folder)
    with (folder / "joint.gin").open("a") as file:
        file.write(more)
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "tiny_shop", raising=False)
        config.load_parts(plugins=["tiny_shop.py"])
        result = invoke("train", "joint.gin")
    assert result.exit_code == 0, result.output
    return folder / "runs/joint"


@pytest.fixture(scope="session")
def joint_run(tmp_path_factory) -> Path:
    """A finished run of joint.gin, for all tests that read one."""
    return train_joint(tmp_path_factory.mktemp("joint"))


@pytest.fixture(scope="session")
def fused_run(tmp_path_factory) -> Path:
    """A finished run of joint.gin with a fusion."""
    return train_joint(tmp_path_factory.mktemp("fused"), FUSION)


@pytest.fixture
def trained(run, joint_run):
    """A finished run in runs/joint."""
    shutil.copytree(joint_run, "runs/joint")
    return "runs/joint"
