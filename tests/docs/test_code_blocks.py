"""Every block of code in the README and in docs/ runs.

The blocks of a page run in order, in one empty folder: a block with a title is written to the file
of that name, `python` blocks share one process, and each command has one of its own, forked from a
process that has Keras already; tests/test_new_user.py starts them as a reader does. The `make`
targets of the README are looked up and not run, since `make test` is what runs this.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from docs.forked import run_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# This one installs packages: tests/test_new_user.py runs it, in an environment of its own.
PAGES.remove(ROOT / "docs/your_own.md")
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
NO_CODE = ("text", "json")


@dataclass
class Block:
    language: str
    title: str
    code: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(found[1], found[2] or "", found[3], text[: found.start()].count("\n") + 1)
        for found in BLOCK.finditer(text)
    ]


def steps_of(page: Path) -> list[tuple[str, str, str]]:
    """Returns what a page does, as `run_page` takes it."""
    steps = []
    for block in blocks_of(page):
        where = f"{page.name}:{block.line}"
        if block.title:
            steps.append(("file", block.title, block.code))
        elif block.language == "python":
            steps.append(("python", where, "\n" * block.line + block.code))
        elif block.language == "bash":
            looked_up = re.sub(r"^make ", f"make -n -C {ROOT} ", block.code, flags=re.MULTILINE)
            steps.append(("bash", where, looked_up))
    return steps


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page, tmp_path):
    unknown = {b.language for b in blocks_of(page)} - {"python", "bash", "gin", "toml", *NO_CODE}
    assert not unknown, f"{page.name} has blocks of {unknown}, which nothing runs"
    folder = tmp_path / "page"
    folder.mkdir()
    run_page(steps_of(page), folder)


def test_no_fence_is_written_in_a_way_that_is_not_read():
    for page in PAGES:
        text = page.read_text("utf-8")
        assert text.count("\n```") // 2 >= len(blocks_of(page))
        opened = [line for line in text.splitlines() if line.startswith("```")][::2]
        assert len(opened) == len(blocks_of(page)), f"{page}: a code fence without a language"
