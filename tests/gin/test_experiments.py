"""Every shipped .gin file is read, checked and built, every experiment stepped."""

from pathlib import Path

import numpy as np
import pytest

import mtframework as mtf
from mtframework import config
from mtframework.config.checks.shares import made_up_dataset
from mtframework.registry import REGISTRIES

FOLDER = Path(__file__).parents[2] / "gin"
FILES = sorted(FOLDER.rglob("*.gin"))
LOADED = {str(path.relative_to(FOLDER)): path for path in FILES}


def test_there_are_experiments():
    assert {"tutorial/joint.gin", "movielens/joint.gin"} <= set(LOADED)


def built(loaded) -> mtf.Experiment:
    assert [str(finding) for finding in loaded.check() if finding.is_error] == []
    return loaded.build()


def step(experiment: mtf.Experiment) -> None:
    """Trains an experiment a step on made-up rows."""
    labels = dict.fromkeys(experiment.model.label_columns, 5.0)
    for task in experiment.model.tasks.values():
        if isinstance(task, mtf.BinaryFeedback) and task.positive_from is None:
            labels[task.label] = 1.0
    rows = made_up_dataset(experiment.dataset.schema, 64, labels)
    experiment.epochs = 1
    trained = mtf.train(experiment, dataset=rows)
    assert np.isfinite(trained.history["loss"]).all()


def names_of_parts(model: mtf.MultiTaskModel) -> set[str]:
    """Returns the registered names of a model's sharing layer and balancers."""
    classes = {type(each) for each in (model.sharing, model.loss_balancer, model.gradient_balancer)}
    return {part.name for kind in REGISTRIES.values() for part in kind if part.cls in classes}


@pytest.mark.parametrize("name", LOADED)
def test_file_is_right_and_trains(name, tmp_path):
    loaded = config.load(LOADED[name])
    if not loaded.is_fragment:
        step(built(loaded))
        return
    assert [str(finding) for finding in loaded.check() if finding.is_error] == []
    if LOADED[name].parent.name in ("sharing", "balancing"):
        # One include switches an experiment over; test_combinations.py trains each part.
        variant = tmp_path / "variant.gin"
        text = f"include 'movielens/joint.gin'\ninclude '{name}'\n"
        if "ScheduledWeights.tasks = %gin.REQUIRED" in LOADED[name].read_text():
            text += "ScheduledWeights.tasks = ['watch']\n"
        variant.write_text(text)
        model = built(config.load(variant)).model
        assert any(part.startswith(LOADED[name].stem) for part in names_of_parts(model))
    else:
        assert any(f"'{LOADED[name].name}'" in path.read_text() for path in FILES)


@pytest.mark.parametrize("name", LOADED)
def test_file_opens_with_what_it_is(name):
    first = LOADED[name].read_text().splitlines()[0]
    assert first.startswith("# "), "A comment says what the file is and what is set in it."


def test_readme_names_every_folder():
    text = (FOLDER / "README.md").read_text()
    for folder in {path.parent.name for path in FILES}:
        assert f"`{folder}/`" in text
