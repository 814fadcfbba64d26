"""Experiments are made as Gin makes them, and what Gin refuses is refused."""

import zlib

import gin_itself
import pytest
from gin_itself import SHIPPED, described, flat, made_by_gin
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mutations import KINDS, OWN, Shipped
from test_mutations import BENEATH, EXPERIMENTS, copy_of_shipped, files_of, shipped_text

from mtframework import config
from mtframework.config.build import build
from mtframework.config.parts import known_parts
from mtframework.errors import MtframeworkError

ROOT = SHIPPED.parent
FILES = [*SHIPPED.rglob("*.gin"), *(ROOT / "plugins").rglob("*.gin")]
NUM_EACH = 2
"""How often an experiment is broken in ways of one kind."""

TAKEN_BY_GIN = {
    "unused macro",
    "unused binding",
    "bound twice",
    "unknown label",
    "unknown feature",
    "include from elsewhere",
    "lopsided losses",
    "layout alone",
}
"""Mistakes that keep no object from being made."""


@pytest.fixture(scope="module", autouse=True)
def classes():
    """Makes every class known to Gin."""
    config.load_parts()
    gin_itself.register(known_parts())


def gins(path):
    """Returns the description of what Gin makes of a file, or None where it refuses it."""
    try:
        return described(lambda: made_by_gin(flat(path)))
    except Exception:  # whatever Gin, or a constructor, raises
        return None


def ours(path):
    """Returns the description of what the framework makes of a file, or None where it refuses."""
    try:
        return described(lambda: config.load_experiment(path))
    except MtframeworkError:
        return None


@pytest.mark.parametrize("path", sorted(FILES), ids=lambda path: str(path.relative_to(ROOT)))
def test_shipped_file(path):
    assert ours(path) == gins(path)
    assert (ours(path) is None) == config.load(path).is_fragment


@pytest.mark.parametrize("beneath", [*BENEATH, "movielens/sparse_labels.gin"])
@pytest.mark.parametrize("experiment", [each for each in EXPERIMENTS if "joint." in each])
def test_fragment_beneath_an_experiment(experiment, beneath, tmp_path):
    path = tmp_path / "mine.gin"
    lines = [f"include '{experiment}'", f"include '{beneath}'", "SparseLabels.share = 0.5"]
    path.write_text("\n".join(lines[: 3 if "sparse" in beneath else 2]))
    assert ours(path) is not None
    assert ours(path) == gins(path)


@pytest.mark.parametrize("path", EXPERIMENTS)
def test_gin_makes_the_same_of_the_record(path):
    loaded = config.load(path)
    assert described(lambda: made_by_gin(loaded.text)) == described(loaded.build)


OPTIMIZERS = sorted(
    part.name
    for part in known_parts()
    if part.kind == "optimizer" and part.name != "LossScaleOptimizer"  # which needs another one
)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_record_of_every_optimizer_makes_the_same(name, write, folder):
    """A record holds the defaults that Keras passes on in **kwargs as well."""
    path = write(f"Experiment.optimizer = @{name}()")
    (folder / "record.gin").write_text(config.load(path).text)
    assert ours(folder / "record.gin") == ours(path) == gins(path)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_experiment(kind):
    num_taken = 0
    with copy_of_shipped() as folder:
        for experiment in EXPERIMENTS:
            # One task has all of the loss.
            if kind != "lopsided losses" or "joint" in experiment:
                num_taken += compare_broken(folder, experiment, kind)
    assert num_taken > 0 or kind not in TAKEN_BY_GIN


def compare_broken(folder, experiment: str, kind: str) -> int:
    """Breaks an experiment and compares; returns how often objects were compared."""
    taken = []

    @seed(zlib.crc32(f"{experiment} {kind}".encode()))
    @settings(
        max_examples=NUM_EACH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data):
        beneath = data.draw(st.sampled_from(["", *BENEATH])) if "joint" in experiment else ""
        broken = KINDS[kind](Shipped(data.draw, experiment, files_of(experiment, beneath), beneath))
        for path, text in broken.files.items():
            (folder / path).write_text(text)
        try:
            expected = gins(folder / broken.experiment)
            if kind in TAKEN_BY_GIN and expected is not None:  # what check calls a mistake as well
                configuration = config.load(folder / broken.experiment).configuration
                found = described(lambda: build(configuration))
            else:
                found = ours(folder / broken.experiment)
            taken.append(found is not None)
        finally:
            (folder / OWN).unlink(missing_ok=True)
            for path in broken.files.keys() - {OWN}:
                (folder / path).write_text(shipped_text(path))
        assert found in (None, expected), broken.files

    run()
    return sum(taken)
