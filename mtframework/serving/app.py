"""The service as a plain ASGI application, for whoever brings a server.

```text
MTFRAMEWORK_RUN=runs/mine uvicorn mtframework.serving.app:app
```

`mtframework serve` starts the same on uvicorn. A run whose parts come from plugins needs them
installed; `mtframework serve --plugin` takes files.

Environment:
    MTFRAMEWORK_RUN: The folder of a finished run, or of several, of which the newest is served.
    MTFRAMEWORK_EVENTS: The file that events are written to; without it none are taken.
    MTFRAMEWORK_TOKEN: What requests must carry as `Authorization: Bearer`; without it all may ask.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtframework.errors import RunError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mtframework.serving.http.service import Service

RUN, EVENTS, TOKEN = "MTFRAMEWORK_RUN", "MTFRAMEWORK_EVENTS", "MTFRAMEWORK_TOKEN"


def load_service(folder: Path, events: str | None) -> "Service":
    """Returns a service of the newest run in a folder.

    Raises:
        RunError: There is no finished run, or the file of events cannot be written.
    """
    from mtframework.serving.http.event_log import EventLog
    from mtframework.serving.http.service import Service, version_of
    from mtframework.serving.http.versions import newest_run
    from mtframework.serving.recommender import Recommender

    run = newest_run(folder)
    model = run.load_model()
    log = EventLog(events, model.schema) if events else None
    return Service(Recommender(model, run.load_fusion()), version_of(run.path), log)


def create() -> "FastAPI":
    """Returns the application that the environment describes.

    Raises:
        RunError: MTFRAMEWORK_RUN is not set, or holds no finished run.
    """
    folder = os.environ.get(RUN)
    if not folder:
        raise RunError(
            f"{RUN} is not set.",
            "The folder of a finished run.",
            f"Start the server with {RUN}=runs/mine in its environment.",
        )
    path = Path(folder)
    from mtframework.serving.http.app import create_app
    from mtframework.serving.http.versions import newest_run, state_of

    newest_run(path)  # raises at once
    return create_app(
        lambda: load_service(path, os.environ.get(EVENTS)),
        name="model",
        token=os.environ.get(TOKEN) or None,
        watch=lambda: state_of(path),
    )


def __getattr__(name: str) -> Any:
    if name == "app":
        return create()
    raise AttributeError(f"module {__name__} has no attribute {name}")
