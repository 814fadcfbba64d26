"""What the service takes at most, and who may ask."""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OPEN_PATHS = ("/", "/page", "/health", "/v2/health")
"""What needs no token: the page itself, which holds no data, and whether the service lives."""


@dataclass(frozen=True)
class Limits:
    """What a request may ask at most.

    Args:
        max_k: Candidates for a query.
        max_rows: Queries, pairs or events of a request.
        max_bytes: Of a body.
        max_waiting: Queries and pairs that wait for an answer; more are refused for now.
        max_wait: Seconds that a request waits at most for others to be answered with, where several
            come at once.
        timeout: Seconds until a request that is not answered is given up.
    """

    max_k: int = 1000
    max_rows: int = 1000
    max_bytes: int = 1 << 20
    max_waiting: int = 4096
    max_wait: float = 0.002
    timeout: float = 30.0


class Guard:
    """Refuses requests without the token, and bodies above the limit, before they are read.

    Args:
        app: The ASGI application behind it.
        max_bytes: Of a body.
        token: What `Authorization: Bearer` must hold; None where everyone may ask.
    """

    def __init__(self, app: Any, max_bytes: int, token: str | None):
        self.app, self.max_bytes, self.token = app, max_bytes, token

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self.token is not None and not self._may_ask(scope["path"], headers):
            answer = problem(
                401,
                "The request has no valid token.",
                "The header Authorization: Bearer TOKEN.",
                "Add it, with the token that the service was started with.",
                {"WWW-Authenticate": "Bearer"},
            )
            await answer(scope, receive, send)
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.max_bytes:
            await self._too_large()(scope, receive, send)
            return
        received, body = 0, []
        while True:  # whole, since a body in chunks does not tell its length
            message = await receive()
            body.append(message)
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                await self._too_large()(scope, receive, send)
                return
            if message["type"] != "http.request" or not message.get("more_body"):
                break

        async def again() -> Message:
            return body.pop(0) if body else await receive()

        await self.app(scope, again, send)

    def _may_ask(self, path: str, headers: dict[bytes, bytes]) -> bool:
        if path == "/" or any(path.startswith(f"{each}/") for each in OPEN_PATHS[1:]):
            return True
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        expected = (self.token or "").encode("utf-8")
        return kind.lower() == b"bearer" and secrets.compare_digest(given.strip(), expected)

    def _too_large(self) -> JSONResponse:
        return problem(
            413,
            f"The body has more than {self.max_bytes} bytes.",
            f"At most {self.max_bytes} bytes.",
            "Send fewer queries in a request.",
        )


def problem(
    status: int, found: str, expected: str, fix: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Returns the answer of an error."""
    told = {"found": found, "expected": expected, "fix": fix}
    # What a request held may be no text that can be written.
    written = {name: each.encode("utf-8", "backslashreplace") for name, each in told.items()}
    return JSONResponse(
        {name: each.decode("utf-8") for name, each in written.items()}, status, headers
    )
