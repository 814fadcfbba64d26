"""Makes a page of the site out of each notebook, with the outputs that are stored in it."""

import json
import re
from pathlib import Path

from mkdocs.structure.files import File


def on_config(config):
    """Lets the navigation name a notebook; its page is written in Markdown."""
    config.nav = _renamed(config.nav)
    return config


def on_files(files, config):
    for file in [each for each in files if each.src_uri.endswith(".ipynb")]:
        notebook = json.loads(Path(file.abs_src_path).read_text("utf-8"))
        page = File.generated(
            config, _page_of(file.src_uri), content=markdown_of(notebook, Path(file.src_uri).name)
        )
        files.append(page)
    return files


def on_page_markdown(markdown, **_):
    """Lets links to a notebook lead to its page."""
    return re.sub(r"\]\(([\w/.]+)\.ipynb\)", r"](\1.md)", markdown)


def markdown_of(notebook: dict, name: str) -> str:
    """Returns a notebook's cells and outputs as Markdown."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        text = "".join(_text_of(output) for output in cell["outputs"]).strip("\n")
        if text:
            parts.append(f"```text\n{text}\n```")
    title, *rest = parts
    download = f'This page is a notebook: <a href="../{name}" download>download it</a>.'
    return "\n\n".join([title, download, *rest]) + "\n"


def _text_of(output: dict) -> str:
    return "".join(output["text"] if "text" in output else output["data"]["text/plain"])


def _page_of(path: str) -> str:
    return path.removesuffix(".ipynb") + ".md" if path.endswith(".ipynb") else path


def _renamed(nav):
    if isinstance(nav, str):
        return _page_of(nav)
    if isinstance(nav, dict):
        return {title: _renamed(each) for title, each in nav.items()}
    return nav and [_renamed(each) for each in nav]
