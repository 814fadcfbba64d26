"""The README's Python runs, and it names every task."""

import re
from pathlib import Path

import mtf_tfrs

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_python_blocks_run():
    for block in re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})


def test_every_task_is_named():
    for name in mtf_tfrs.__all__:
        assert f"| `{name}` |" in README
