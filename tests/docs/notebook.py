"""Runs a notebook's cells in one namespace, and stores what each printed as its output.

python tests/docs/notebook.py docs/tutorial.ipynb
"""

import contextlib
import io
import json
import sys
from pathlib import Path


def run(path: Path) -> None:
    """Runs the cells in order, in the working directory, and writes their outputs."""
    notebook = json.loads(path.read_text("utf-8"))
    code_cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    namespace = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells, start=1):
        printed = io.StringIO()
        code = compile("".join(cell["source"]), f"{path.name}, code cell {number}", "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        text = printed.getvalue().splitlines(keepends=True)
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": text}] * bool(text)
        cell["execution_count"] = number
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
