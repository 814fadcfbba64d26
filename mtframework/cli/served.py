"""The application of `mtframework serve`, made anew in each of its worker processes."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mtframework.serving.app import BESIDE, EVENTS, RUN, SHARE, Served, create

if TYPE_CHECKING:
    from fastapi import FastAPI

_PARTS = "MTFRAMEWORK_SERVE_PARTS"


def remember(
    run: Path,
    beside: Path | None,
    share: float | None,
    events: Path | None,
    plugins: list[str] | None,
    trust: bool,
) -> Served:
    """Writes down, for worker processes, what the command was given, and returns what it serves.

    Raises:
        RunError, ModelError: As `Served.of_environment`.
    """
    os.environ[RUN] = str(run)
    for name, given in ((BESIDE, beside), (SHARE, share), (EVENTS, events)):
        if given is not None:
            os.environ[name] = str(given)
    os.environ[_PARTS] = json.dumps([plugins or [], trust])
    return Served.of_environment()


def application() -> "FastAPI":
    """Loads the runs' parts and returns the application."""
    from mtframework.cli.quiet import quieten, start_keras

    quieten()
    start_keras()
    load_parts(Served.of_environment())
    return create()


def load_parts(served: Served) -> None:
    """Loads what the runs' models are made of, as far as it is trusted."""
    from mtframework import config
    from mtframework.serving.http.versions import newest_run

    plugins, trust = json.loads(os.environ[_PARTS])
    for folder in served.folders:
        path = newest_run(folder).config_path
        config.load_parts(path if path.exists() else None, plugins, trust)
