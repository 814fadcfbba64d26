"""Counts requests by path, status and model."""

import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

from mtframework.serving.http.limits import Message, Receive, Send
from mtframework.serving.http.metrics import Metrics


class Counting:
    """Counts what the application behind it answers; plain ASGI, which costs no task of its own.

    Args:
        app: The ASGI application behind it.
        metrics: What counts.
    """

    def __init__(self, app: Any, metrics: Metrics):
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        status, version = 500, ""  # what is answered where the application fails

        async def counted(message: Message) -> None:
            nonlocal status, version
            if message["type"] == "http.response.start":
                status = message["status"]
                version = unquote(dict(message["headers"]).get(b"model-version", b"").decode())
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(path, status, version).inc()
            self.metrics.seconds.labels(path, version).observe(time.perf_counter() - begun)
