"""The service as a plain ASGI application, for whoever brings a server.

```text
MTFRAMEWORK_RUN=runs/mine uvicorn mtframework.serving.app:app
```

`mtframework serve` starts the same on uvicorn. A run whose parts come from plugins needs them
installed; `mtframework serve --plugin` takes files.

Environment:
    MTFRAMEWORK_RUN: The folder of a finished run, or of several, of which the newest is served.
    MTFRAMEWORK_BESIDE: The same of a second model, which answers a share of the queries.
    MTFRAMEWORK_SHARE: That share, from 0 to 1; a half where it is not set.
    MTFRAMEWORK_EVENTS: The file that events are written to; without it none are taken.
    MTFRAMEWORK_TOKEN: What requests must carry as `Authorization: Bearer`; without it all may ask.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtframework.arguments import check_share, wrong_argument
from mtframework.errors import RunError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mtframework.serving.http.models import Models

RUN, EVENTS, TOKEN = "MTFRAMEWORK_RUN", "MTFRAMEWORK_EVENTS", "MTFRAMEWORK_TOKEN"
BESIDE, SHARE = "MTFRAMEWORK_BESIDE", "MTFRAMEWORK_SHARE"


@dataclass(frozen=True)
class Served:
    """What is served.

    Args:
        folders: Each holds a finished run, or several, of which the newest is served: one, or two
            that share the queries.
        share: The share of queries that the second answers.
        events: The file of events; None takes none.
    """

    folders: tuple[Path, ...]
    share: float = 0.0
    events: str | None = None

    @classmethod
    def of_environment(cls) -> "Served":
        """Returns what the environment describes.

        Raises:
            RunError: MTFRAMEWORK_RUN is not set, or MTFRAMEWORK_SHARE without a second model, or a
                folder holds no finished run.
            ModelError: The share is not a number from 0 to 1.
        """
        run, beside = os.environ.get(RUN), os.environ.get(BESIDE)
        if not run:
            raise RunError(
                f"{RUN} is not set.",
                "The folder of a finished run.",
                f"Start the server with {RUN}=runs/mine in its environment.",
            )
        share = _share_of(os.environ.get(SHARE), bool(beside))
        folders = (Path(run), *([Path(beside)] if beside else []))
        served = cls(folders, share, os.environ.get(EVENTS) or None)
        served.state()  # raises at once
        return served

    def state(self) -> Any:
        """Returns what changes when there is a newer model to serve."""
        from mtframework.serving.http.versions import state_of

        return [state_of(folder) for folder in self.folders]

    def load(self) -> "Models":
        """Returns the newest models, which share one file of events.

        Raises:
            RunError: There is no finished run, or the file of events cannot be written.
            ModelError: Two models do not answer the same requests.
        """
        from mtframework.serving.http.event_log import EventLog
        from mtframework.serving.http.models import Models
        from mtframework.serving.http.service import Service, version_of
        from mtframework.serving.http.versions import newest_run
        from mtframework.serving.recommender import Recommender

        runs = [newest_run(folder) for folder in self.folders]
        models = [run.load_model() for run in runs]
        log = EventLog(self.events, models[0].schema) if self.events else None
        services = [
            Service(Recommender(model, run.load_fusion()), version_of(run.path), log)
            for run, model in zip(runs, models, strict=True)
        ]
        return Models(*services, share=self.share)


def create() -> "FastAPI":
    """Returns the application that the environment describes.

    Raises:
        RunError, ModelError: As `Served.of_environment`.
    """
    from mtframework.serving.http.app import create_app

    served = Served.of_environment()
    token = os.environ.get(TOKEN) or None
    return create_app(served.load, name="model", token=token, watch=served.state)


def _share_of(text: str | None, is_beside: bool) -> float:
    if not text:
        return 0.5 if is_beside else 0.0
    if not is_beside:
        raise RunError(
            f"A share of the queries, {text}, is given, and one model answers all of them.",
            "A second model, which answers the share.",
            f"Name its run with --beside or {BESIDE}, or leave out the share.",
        )
    try:
        share = float(text)
    except ValueError:
        expected = "A number from 0 to 1."
        raise wrong_argument("The service", "share", text, expected) from None
    return check_share("The service", "share", share, below_one=False)


def __getattr__(name: str) -> Any:
    if name == "app":
        return create()
    raise AttributeError(f"module {__name__} has no attribute {name}")
