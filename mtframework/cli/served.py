"""The application of `mtframework serve`, made anew in each of its worker processes."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mtframework.serving.app import EVENTS, RUN, create

if TYPE_CHECKING:
    from fastapi import FastAPI

_PARTS = "MTFRAMEWORK_SERVE_PARTS"


def remember(run: Path, events: Path | None, plugins: list[str] | None, trust: bool) -> None:
    """Writes down, for worker processes, what the command was given."""
    os.environ[RUN] = str(run)
    if events is not None:
        os.environ[EVENTS] = str(events)
    os.environ[_PARTS] = json.dumps([plugins or [], trust])


def application() -> "FastAPI":
    """Loads the run's parts and returns the application."""
    from mtframework.cli.quiet import quieten, start_keras

    quieten()
    start_keras()
    load_parts()
    return create()


def load_parts() -> None:
    """Loads what the run's model is made of, as far as it is trusted."""
    from mtframework import config
    from mtframework.serving.http.versions import newest_run

    plugins, trust = json.loads(os.environ[_PARTS])
    path = newest_run(Path(os.environ[RUN])).config_path
    config.load_parts(path if path.exists() else None, plugins, trust)
