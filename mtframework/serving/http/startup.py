"""Why the models cannot be loaded, told to whoever starts the service."""

from collections.abc import MutableMapping
from typing import Any

from mtframework.serving.http.limits import Message, Receive, Send


class Startup:
    """Has the server print what a failed start says to its user, without the traceback.

    Args:
        app: The ASGI application behind it.
        refused: The errors of the start, which whoever loads the models adds to.
    """

    def __init__(self, app: Any, refused: list[Exception]):
        self.app, self.refused = app, refused

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and self.refused:
                message = {**message, "message": str(self.refused[-1])}
            await send(message)

        await self.app(scope, receive, told if scope["type"] == "lifespan" else send)
