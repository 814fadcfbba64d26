"""Who may import whom, and that the core needs no TensorFlow."""

import ast
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mtframework"

# Layer by layer from the bottom: a module imports from its own layer and those below.
LAYERS = [
    {"arguments", "errors", "files", "registry", "part"},
    {"schema", "embeddings"},
    {"features", "losses", "metrics"},
    {"tasks", "towers", "sharing", "balancing", "data"},
    {"model"},
    {"training", "evaluation", "serving", "testing"},
    {"config"},
    {"sweep"},
    {"cli"},
]
# data/ knows no model part, and no model part knows data/.
APART = [("data", {"tasks", "towers", "sharing", "balancing", "losses", "metrics"})]
MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(name: str) -> str:
    return name.split(".")[1]


def level_of(part: str) -> int:
    return next(level for level, parts in enumerate(LAYERS) if part in parts)


def imports_of(path: Path) -> set[str]:
    """Returns every module that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def modules_imported(path: Path, names: Collection[str]) -> set[str]:
    """Returns which of `names` a file imports: of a room's modules, them and not the room."""
    found = imports_of(path) & set(names)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in names:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            if inside <= set(names):
                found = found - {node.module} | inside
    return found


def parts_imported(path: Path) -> set[str]:
    return {part_of(name) for name in imports_of(path) if name.startswith("mtframework.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_from_below(path):
    relative = path.relative_to(PACKAGE)
    if relative.name == "__init__.py" and len(relative.parts) == 1:
        return  # the public names, imported when asked for
    part = relative.parts[0].removesuffix(".py")
    for imported in parts_imported(path):
        assert level_of(imported) <= level_of(part), f"{relative} imports {imported}"
        for one, others in APART:
            assert not (part == one and imported in others), f"{relative} imports {imported}"
            assert not (part in others and imported == one), f"{relative} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_parser_of_config_imports_gin(path):
    if path.relative_to(PACKAGE) != Path("config/syntax.py"):
        assert not {name for name in imports_of(path) if name.split(".")[0] == "gin"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_tensorflow_is_imported_inside_functions_of_data_and_saved_model_alone(path):
    relative = path.relative_to(PACKAGE)
    everywhere = {name.split(".")[0] for name in imports_of(path)}
    tensorflow = {"tensorflow", "tensorflow_datasets", "tensorflow_recommenders"} & everywhere
    if relative.parts[0] != "data" and relative != Path("serving/saved_model.py"):
        assert not tensorflow
    for node in ast.parse(path.read_text("utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if name.startswith("tensorflow")]


def test_no_modules_import_each_other_in_a_circle():
    paths = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in MODULES
    }
    left = {name: modules_imported(path, paths) - {name} for name, path in paths.items()}
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"circles among {sorted(left)}"


CONCRETE = {
    "tasks": {"Ranking", "Retrieval", "BinaryFeedback"},
    "data": {"StreamedRows", "StreamedBatches"},
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nobody_asks_what_a_task_is_outside_its_room(path):
    room = path.relative_to(PACKAGE).parts[0]
    asked = {
        name.id
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") in ("isinstance", "issubclass")
        for name in ast.walk(call.args[1])
        if isinstance(name, ast.Name)
    }
    for owner, classes in CONCRETE.items():
        assert room == owner or not asked & classes, f"{path}: {asked & classes}"


WITHOUT_TENSORFLOW = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tf_keras"):
            raise ImportError(f"{name} is not to be had here")

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
import keras
from shop import make_shop, make_tasks, make_towers
import mtframework as mtf
from mtframework.registry import load_builtin_parts

load_builtin_parts()
data = make_shop()

class Shop(mtf.DatasetSource):
    schema = data.schema

    def load(self, progress=None):
        return data

model = mtf.MultiTaskModel(make_towers(), make_tasks())
experiment = mtf.Experiment(Shop(), model, keras.optimizers.Adam(0.03), 64, epochs=20)
trained = mtf.train(experiment, mtf.Run.create(sys.argv[2]))
results = mtf.evaluate(mtf.Run.open(sys.argv[2]).load_model(), data, top_k=[10])
assert trained.history["loss"][-1] < trained.history["loss"][0]
assert results["find/top_10"] > 0.45, results  # by chance 10 / 30
assert keras.backend.backend() == "jax"
assert "tensorflow" not in sys.modules
"""


def test_jax_trains_and_evaluates_where_tensorflow_cannot_be_imported(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, str(Path(__file__).parent), str(tmp_path / "r")],
        env={"KERAS_BACKEND": "jax", "PATH": "/usr/bin:/bin", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
