"""The command line in a folder of its own, with a small data set from a plugin file."""

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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with joint.gin, stars.gin and the plugin that they import."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_shop.py").write_text(SHOP)
    (tmp_path / "joint.gin").write_text(JOINT)
    (tmp_path / "stars.gin").write_text(
        "include 'joint.gin'\nMultiTaskModel.tasks = [@stars/Ranking()]\n"
    )
    # Each folder has a plugin file of its own by that name.
    monkeypatch.delitem(__import__("sys").modules, "tiny_shop", raising=False)
    # It is the user's own: what is loaded already needs no --trust where a file imports it.
    config.load_parts(plugins=["tiny_shop.py"])
    return tmp_path


@pytest.fixture
def run(folder):
    """Runs `mtframework` with arguments; gives exit_code, stdout and stderr."""
    from mtframework.cli.app import app

    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))
