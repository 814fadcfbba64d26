"""From a file to objects, and to the record of a run."""

import os
import subprocess
import sys

import gin
import keras
import numpy as np
import pytest

from mtframework import config
from mtframework.errors import PluginError
from mtframework.registry import TOWERS
from mtframework.training.experiment import Experiment


def test_names_are_scopes(folder):
    model = config.load_experiment("base.gin").model
    assert list(model.towers) == ["user", "movie"]
    assert list(model.tasks) == ["rating", "watch"]


def test_innermost_scope_is_the_name(write):
    path = write(
        "MultiTaskModel.tasks = [@shop/rating/Ranking(), @watch/Retrieval()]\n"
        "shop/rating/Ranking.label = 'user_rating'"
    )
    assert list(config.load_experiment(path).model.tasks) == ["rating", "watch"]


def test_name_that_is_bound_stays(write):
    path = write("rating/Ranking.name = 'stars'")
    assert list(config.load_experiment(path).model.tasks) == ["stars", "watch"]


def test_macro_gives_its_name_to_a_part_without_a_scope(write):
    path = write(
        "visitor = @Tower()\nvisitor/Tower.features = ['user_id']\n"
        "MultiTaskModel.towers = [%visitor, @movie/Tower()]\nwatch/Retrieval.query = 'visitor'"
    )
    assert list(config.load_experiment(path).model.towers) == ["visitor", "movie"]


def test_objects_are_of_the_real_classes(folder):
    experiment = config.load_experiment("base.gin")
    assert type(experiment.optimizer) is keras.optimizers.Adagrad
    assert type(experiment.model).__module__ == "mtframework.model.model"
    assert float(experiment.optimizer.learning_rate) == pytest.approx(0.1)


def test_bindings_come_after_the_file(folder):
    experiment = config.load_experiment("base.gin", ["rating/Ranking.loss_weight = 0.125"])
    assert experiment.model.tasks["rating"].loss_weight == 0.125


def test_experiments_do_not_leak_into_each_other(folder, write):
    changed = config.load_experiment(write("Experiment.epochs = 7\nTower.dropout = 0.5"))
    plain = config.load_experiment("base.gin")
    assert (changed.epochs, plain.epochs) == (7, 1)
    assert plain.model.towers["user"].dropout_rate == 0.0


def test_callers_own_gin_configuration_is_left_as_it_was(folder, write):
    @gin.configurable(module="caller")
    def caller_function(argument=1):
        return argument

    with gin.unlock_config():
        gin.bind_parameter("caller_function.argument", 5)
    gin.finalize()
    try:
        config.load_experiment("base.gin")
        with pytest.raises(config.CheckError):
            config.load_experiment(write("rating/Ranking.los = 1"))
        assert caller_function() == 5
        assert gin.config_is_locked()
    finally:
        gin.clear_config()


def test_callers_own_gin_configuration_holds_while_objects_are_made(folder, monkeypatch):
    @gin.configurable(module="part")
    def function_of_a_part(argument=1):
        return argument

    seen = []
    monkeypatch.setattr(Experiment, "__post_init__", lambda self: seen.append(function_of_a_part()))
    with gin.unlock_config():
        gin.bind_parameter("function_of_a_part.argument", 5)
    try:
        config.load_experiment("base.gin")
    finally:
        gin.clear_config()
    assert seen == [5]


def test_seed_decides_the_weights(folder):
    def kernel(seed):
        model = config.load_experiment("base.gin", [f"Experiment.seed = {seed}"]).model
        head = model.tasks["rating"].head
        head.build((None, 4))
        return keras.ops.convert_to_numpy(head.weights[0])

    np.testing.assert_array_equal(kernel(3), kernel(3))
    assert not np.array_equal(kernel(3), kernel(4))


def test_record_stands_alone_and_records_itself(folder, write, monkeypatch):
    path = write(
        "rate = 0.3\nAdagrad.learning_rate = %rate\nMultiTaskModel.tasks = [@rating/Ranking()]"
    )
    text = config.load(path, ["Experiment.seed = 3"]).text
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.gin").write_text(text)
    monkeypatch.chdir(elsewhere)
    again = config.load("config.gin")
    assert again.check() == []
    assert again.text.splitlines()[1:] == text.splitlines()[1:]  # the first names the file
    experiment = again.build()
    assert experiment.seed == 3
    assert float(experiment.optimizer.learning_rate) == pytest.approx(0.3)
    assert list(experiment.model.tasks) == ["rating"]


def test_record_holds_defaults_and_nothing_unused(folder, write):
    text = config.load(write("MultiTaskModel.tasks = [@rating/Ranking()]")).text
    assert "user/Tower.embedding_dim = 32" in text
    assert "Adagrad.initial_accumulator_value = 0.1" in text
    assert "Retrieval" not in text


def test_values_tell_where_they_come_from(folder, write):
    loaded = config.load(write("Tower.dropout = 0.5"), ["Experiment.seed = 3"])
    origins = {value.key: value.origin for value in loaded.values()}
    assert origins["user/Tower.dropout"] == "variant.gin:2"
    assert origins["user/Tower.features"] == "base.gin:7"
    assert origins["user/Tower.hidden_units"] == "default"
    assert origins["Experiment.seed"] == "--set Experiment.seed = 3"


PLUGIN = '''
import mtframework as mtf
from mtframework.registry import register_tower


@register_tower("{name}")
class {cls}(mtf.Tower):
    """A tower of a test."""
'''


def test_file_that_an_experiment_imports(folder, write):
    (folder / "wide_towers.py").write_text(PLUGIN.format(name="wide", cls="WideTower"))
    path = write(
        "import wide_towers\n"
        "MultiTaskModel.towers = [@user/WideTower(), @movie/Tower()]\n"
        "user/WideTower.features = ['user_id']"
    )
    loaded = config.load(path, trust=True)
    assert type(loaded.build().model.towers["user"]).__name__ == "WideTower"
    assert [file.name for file in loaded.plugin_files] == ["wide_towers.py"]


def test_plugin_of_the_command_line_is_recorded_as_an_import(folder, write):
    (folder / "tall_towers.py").write_text(PLUGIN.format(name="tall", cls="TallTower"))
    path = write(
        "MultiTaskModel.towers = [@user/TallTower(), @movie/Tower()]\n"
        "user/TallTower.features = ['user_id']"
    )
    loaded = config.load(path, plugins=["tall_towers.py"])
    assert "import tall_towers\n" in loaded.text
    assert loaded.check() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 / 0", "failed to load: ZeroDivisionError: division by zero"),
        (PLUGIN.format(name="half", cls="Half") + "1 / 0", "failed to load: ZeroDivisionError"),
        (PLUGIN.format(name="tower", cls="Tower2"), 'The tower name "tower" is taken'),
    ],
)
def test_broken_plugin(text, expected, folder):
    (folder / "broken_part.py").write_text(text)
    with pytest.raises(PluginError, match=expected):
        config.load("base.gin", plugins=["broken_part.py"])
    assert "half" not in TOWERS


def test_plugin_that_is_not_there(folder):
    with pytest.raises(PluginError, match="There is no plugin file nowhere"):
        config.load("base.gin", plugins=["nowhere.py"])


def test_jax_loads_without_tensorflow(folder):
    code = (
        "import sys\nsys.modules['tensorflow'] = None\n"
        "from mtframework import config\nconfig.load('base.gin').check()\n"
        "print(config.load_experiment('base.gin').model.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "multi_task_model", done.stderr
