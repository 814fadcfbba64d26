"""Python that a file names is executed when the user says so, and not before."""

import sys

import pytest

from mtframework import config
from mtframework.config import CheckError
from mtframework.registry import TOWERS

PART = '''
import pathlib

import mtframework as mtf

pathlib.Path("executed").write_text("{module}")


@mtf.register_tower("{module}")
class {cls}(mtf.Tower):
    """A tower of a test."""
'''


@pytest.fixture
def part(folder, monkeypatch):
    """Writes a part's file that leaves a mark where it is executed; forgets it afterwards."""

    def write_part(module: str, cls: str, below: str = "."):
        path = folder / below / f"{module}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(PART.format(module=module, cls=cls))
        return path

    before = set(sys.modules)
    yield write_part
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(
            sys.modules[name].__file__
        ):
            monkeypatch.delitem(sys.modules, name)


def was_executed(folder) -> bool:
    return (folder / "executed").exists()


def errors(loaded) -> list:
    return [each for each in loaded.findings if each.is_error]


def test_import_of_a_file_beside_is_refused(folder, write, part):
    part("beside_tower", "BesideTower")
    [found] = errors(config.load(write("import beside_tower")))
    assert str(found.location) == "variant.gin:2"
    assert "imports the file beside_tower.py, which would be executed" in found.found
    assert "--plugin beside_tower.py" in found.fix
    assert "--trust" in found.fix
    assert not was_executed(folder)
    assert "beside_tower" not in TOWERS


def test_import_in_an_included_file_is_refused(folder, write, part):
    part("inner_tower", "InnerTower")
    (folder / "inner.gin").write_text("import inner_tower\n")
    [found] = errors(config.load(write("include 'inner.gin'")))
    assert str(found.location) == "inner.gin:1"
    assert not was_executed(folder)


def test_import_of_a_file_with_its_ending_is_refused(folder, write, part):
    part("ending_tower", "EndingTower")
    [found] = errors(config.load(write("import ending_tower.py")))
    assert "ending_tower.py" in found.found
    assert not was_executed(folder)


def test_import_of_a_module_that_nothing_loaded_is_refused(write):
    assert "this" not in sys.modules  # it prints when it is imported
    [found] = errors(config.load(write("import this")))
    assert "imports the module this" in found.found
    assert "--plugin this" in found.fix
    assert "this" not in sys.modules


def test_import_of_what_is_loaded_needs_no_trust(write):
    assert errors(config.load(write("import keras"))) == []


def test_file_by_the_name_of_a_loaded_module_is_refused(folder, write):
    (folder / "json.py").write_text("open('executed', 'w').close()")
    [found] = errors(config.load(write("import json")))
    assert "json.py" in found.found
    assert not was_executed(folder)


def test_trust_executes(folder, write, part):
    part("trusted_tower", "TrustedTower")
    assert errors(config.load(write("import trusted_tower"), trust=True)) == []
    assert was_executed(folder)
    assert "trusted_tower" in TOWERS


def test_own_plugin_is_what_a_file_imports(folder, write, part):
    path = part("own_tower", "OwnTower", "mine")
    copy = part("own_tower", "OwnTower")
    loaded = config.load(write("import own_tower"), plugins=[str(path)])
    assert errors(loaded) == []
    # A copy that says something else is not what the user named.
    (folder / "executed").unlink()
    copy.write_text(copy.read_text() + "\nOTHER = 1\n")
    [found] = errors(config.load(write("import own_tower"), plugins=[str(path)]))
    assert "own_tower.py" in found.found
    assert not was_executed(folder)


def test_parts_of_a_run_are_refused(folder, part):
    part("run_tower", "RunTower", "run")
    (folder / "run" / "config.gin").write_text("import run_tower\n")
    with pytest.raises(CheckError, match=r"run/run_tower\.py, which would be executed"):
        config.load_parts("run/config.gin")
    assert not was_executed(folder)
    config.load_parts("run/config.gin", trust=True)
    assert was_executed(folder)


def test_experiment_is_refused_before_it_is_built(folder, write, part):
    part("late_tower", "LateTower")
    with pytest.raises(CheckError, match=r"late_tower\.py, which would be executed"):
        config.load_experiment(write("import late_tower"))
    assert not was_executed(folder)
