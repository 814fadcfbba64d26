"""Shipped experiments, broken in every way: none is accepted in silence."""

import contextlib
import functools
import importlib.metadata
import os
import re
import shutil
import tempfile
import zlib
from collections import Counter
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mutations import KINDS, OWN, Break, Shipped

from mtframework import config

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "gin"
PAGE = ROOT / "docs" / "check.md"
NUM_EACH = 12
"""How often an experiment is broken in ways of one kind; times the kinds it is over 300."""

# Variants of one experiment, which differ from it by a few lines, are left out, and so are those of
# other data: the ways to break one know the columns of MovieLens.
EXPERIMENTS = [
    str(path.relative_to(SHIPPED))
    for path in sorted(SHIPPED.rglob("*.gin"))
    if path.parent.name in ("movielens", "tutorial")
    and not config.load(path).is_fragment
    and not re.search("_(sparse|temporal|l[a-z]+)|^sequence", path.stem)
]
BENEATH = [
    f"{folder}/{path.name}"
    for folder in ("sharing", "balancing")
    for path in sorted((SHIPPED / folder).glob("*.gin"))
    if "%gin.REQUIRED" not in path.read_text()
]


@contextlib.contextmanager
def copy_of_shipped():
    """A working directory that holds copies of the shipped files."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
        yield Path(folder)


@functools.cache
def shipped_text(path: str) -> str:
    return (SHIPPED / path).read_text()


def files_of(experiment: str, beneath: str = "") -> dict[str, str]:
    """Returns the experiment's file and all that it includes, that file first."""
    files = {experiment: shipped_text(experiment)}
    folder = Path(experiment).parent
    for name in re.findall(r"^include '(.+)'", files[experiment], re.MULTILINE):
        files |= files_of(str(folder / name))
    if beneath:
        files[experiment] += f"\ninclude '../{beneath}'\n"
        files[beneath] = shipped_text(beneath)
    return files


@functools.cache
def resolved(experiment: str, beneath: str) -> str:
    """Returns the whole configuration of the experiment as it is shipped."""
    with copy_of_shipped() as folder:
        (folder / experiment).write_text(files_of(experiment, beneath)[experiment])
        loaded = config.load(experiment)
        assert loaded.findings == ()
        return without_name(loaded)


def without_name(loaded: config.Loaded) -> str:
    return loaded.text.partition("\n")[2]  # the first line names the file


def outcome(folder: Path, broken: Break, unbroken: str) -> str:
    """Checks a broken experiment and returns what came of it: "reported", "same" or a complaint.

    It is the same where the whole configuration, as it would be built and recorded, is `unbroken`.
    """
    for path, text in broken.files.items():
        (folder / path).write_text(text)
    try:
        loaded = config.load(broken.experiment)
        findings = loaded.findings
        if is_told(broken, findings):
            return "reported"
        is_whole = not loaded.is_fragment and not any(each.is_error for each in findings)
        if is_whole and without_name(loaded) == unbroken:
            return "same"
        findings = loaded.check()
        if is_told(broken, findings):
            return "reported"
        return f"expected at {sorted(broken.lines)}, found {[str(each) for each in findings]}"
    finally:
        (folder / OWN).unlink(missing_ok=True)
        for path in broken.files.keys() - {OWN}:
            (folder / path).write_text(shipped_text(path))


def is_told(broken: Break, findings) -> bool:
    """Returns whether a finding is at the mistake's line, or names it."""
    places = [f"{file}:{line}" for file, line in broken.lines]
    for each in findings:
        assert all((each.found, each.expected, each.fix))
        told = str(each.location) in places or any(
            re.search(rf"{re.escape(place)}\b", each.found) for place in places
        )
        told |= bool(broken.names) and re.search(rf"\b{broken.names}\b", each.found) is not None
        if told and (each.is_error or broken.may_warn):
            return True
    return False


def outcomes_of(experiment: str) -> dict[str, Counter]:
    """Breaks one experiment in every kind of way; returns how often what came of it, by kind."""
    # Nothing is installed meanwhile, and looking for plugins takes longer than a check.
    entry_points = functools.cache(importlib.metadata.entry_points)
    with (
        copy_of_shipped() as folder,
        mock.patch.object(importlib.metadata, "entry_points", entry_points),
    ):
        return {
            kind: Counter(break_it(folder, experiment, kind))
            for kind in KINDS
            if kind != "lopsided losses" or "joint" in experiment  # one task has all of the loss
        }


def break_it(folder: Path, experiment: str, kind: str) -> list[str]:
    outcomes: dict[str, str] = {}

    # A seed of its own for each kind, so that CI is the same every time.
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
        files = files_of(experiment, beneath)
        path = data.draw(st.sampled_from(sorted(files)))
        files[path] = "\n" * data.draw(st.integers(0, 9)) + files[path]
        broken = KINDS[kind](Shipped(data.draw, experiment, files, beneath))
        key = str(broken.files)
        if key not in outcomes:
            outcomes[key] = outcome(folder, broken, resolved(experiment, beneath))
        assert outcomes[key] in ("same", "reported"), f"{kind}: {outcomes[key]}\n{broken.files}"

    run()
    return list(outcomes.values())


def test_no_mistake_is_accepted_in_silence_and_the_page_says_what_came_of_each_kind():
    """With WRITE_DOCS=1 in the environment, the counts are written into docs/check.md."""
    outcomes = {experiment: outcomes_of(experiment) for experiment in EXPERIMENTS}
    for experiment, by_kind in outcomes.items():
        assert sum(counts.total() for counts in by_kind.values()) >= 300, experiment
    page = PAGE.read_text("utf-8")
    for kind in KINDS:
        counts = sum((each.get(kind, Counter()) for each in outcomes.values()), Counter())
        numbers = f"{counts.total()} | {counts['reported']} | {counts['same']}"
        row = re.compile(rf"^(\| {re.escape(kind)} \|.*?)\d+ \| \d+ \| \d+ \|$", re.MULTILINE)
        page, rows = row.subn(rf"\g<1>{numbers} |", page)
        assert rows == 1, f"docs/check.md has no row of its own for: {kind}"
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(page, "utf-8")
    assert page == PAGE.read_text("utf-8"), "WRITE_DOCS=1 writes the counts anew"
