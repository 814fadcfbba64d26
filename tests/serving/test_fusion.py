"""Weights of tasks' scores, and where an experiment and a run keep them."""

import json
import math

import keras
import numpy as np
import pytest
from shop import make_shop, make_tasks, make_towers

import mtframework as mtf
from mtframework.errors import ModelError, RunError


class Shop(mtf.DatasetSource):
    def load(self, progress=None):
        return make_shop()


def experiment(**arguments) -> mtf.Experiment:
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    return mtf.Experiment(Shop(), model, keras.optimizers.Adam(0.03), 200, **arguments)


def test_score_is_the_weighted_sum():
    fusion = mtf.Fusion({"rating": 2, "returned": -5.0})
    scores = {
        "rating": np.array([[4.0, 1.0]]),
        "returned": np.array([[0.5, 0.0]]),
        "find": np.array([[math.nan, 9.0]]),  # does not count
    }
    np.testing.assert_allclose(fusion.score(scores), [[5.5, 2.0]])


@pytest.mark.parametrize(
    "weights",
    [{}, None, 3, {"rating": math.nan}, {"rating": math.inf}, {"rating": 0.0, "buy": 0},
     {"rating": "1"}, {"rating": True}, {3: 1.0}, ["rating"]],
)  # fmt: skip
def test_weights_that_cannot_be_meant(weights):
    with pytest.raises(ModelError, match=r"^Fusion.weights is "):
        mtf.Fusion(weights)


def test_experiment_refuses_tasks_that_it_does_not_have():
    with pytest.raises(ModelError, match=r'"ratign", and there is no such task. .*"rating"'):
        experiment(fusion=mtf.Fusion({"ratign": 1.0}))
    with pytest.raises(ModelError, match=r"The experiment has fusion = \{'rating': 1\}"):
        experiment(fusion={"rating": 1})


def test_run_keeps_the_fusion(tmp_path):
    run = mtf.Run.create(tmp_path / "run")
    mtf.train(experiment(fusion=mtf.Fusion({"rating": 1.0, "buy": -5.0})), run)
    opened = mtf.Run.open(tmp_path / "run")
    assert opened.load_fusion() == mtf.Fusion({"rating": 1.0, "buy": -5.0})

    for damage in ("{", '{"weight": {}}', json.dumps({"weights": {}}), "[]"):
        run.fusion_path.write_text(damage)
        with pytest.raises(RunError, match=r"fusion\.json cannot be read"):
            opened.load_fusion()
    run.fusion_path.unlink()
    assert opened.load_fusion() is None
