"""Leaves pages out of the navigation that are not written yet: some are results of long runs.

A misspelt name does not get lost by it: tests/docs/test_site.py wants every page in the navigation.
"""

from pathlib import Path


def on_config(config):
    config.nav = _existing(config.nav, Path(config.docs_dir))
    return config


def _existing(entries: list, folder: Path) -> list:
    kept = []
    for entry in entries:
        [(title, content)] = entry.items()
        if isinstance(content, list):
            content = _existing(content, folder)
        elif not (folder / content).is_file():
            continue
        kept.append({title: content})
    return kept
