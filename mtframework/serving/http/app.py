"""The ASGI application that `mtframework serve` runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

import mtframework
from mtframework.errors import MtframeworkError
from mtframework.serving.http import bodies, protocols
from mtframework.serving.http.counting import Counting
from mtframework.serving.http.limits import Guard, Limits, problem
from mtframework.serving.http.models import Models, version_header
from mtframework.serving.http.server import Server
from mtframework.serving.http.service import Request as Asked
from mtframework.serving.http.startup import Startup

PAGE = Path(__file__).with_name("page")


def create_app(
    load: Callable[[], Models],
    name: str = "model",
    limits: Limits | None = None,
    token: str | None = None,
    watch: Callable[[], Any] | None = None,
) -> FastAPI:
    """Returns the application, which loads its models when it is started.

    Args:
        load: Returns the newest models.
        name: What the protocols call the model.
        limits: What a request may ask at most.
        token: What requests must carry; None where everyone may ask.
        watch: Returns a value that changes when there is a newer model to load; asked every
            five seconds.

    Example:

    >>> app = create_app(lambda: Models(Service(recommender, "1")))
    >>> sorted(route.path for route in app.routes if route.path.startswith("/health"))
    ['/health/live', '/health/ready']
    """
    limits = limits or Limits()
    server = Server(load, limits)
    refused: list[Exception] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        seen = watch() if watch is not None else None
        try:
            await server.reload()
        except MtframeworkError as error:
            refused.append(error)
            raise
        watching = asyncio.create_task(_watch(server, watch, seen)) if watch is not None else None
        yield
        if watching is not None:
            watching.cancel()
        await server.close()

    app = FastAPI(
        title="mtframework",
        version=mtframework.__version__,
        summary="Recommendations and scores of a model, or of two that share the queries.",
        lifespan=lifespan,
        responses={422: {"model": bodies.Problem}},
    )
    app.state.server = server
    app.add_middleware(Startup, refused=refused)
    app.add_middleware(Guard, max_bytes=limits.max_bytes, token=token)
    app.add_middleware(Counting, metrics=server.metrics)
    _answer_errors(app)

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE), name="page")

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "live"}

    @app.get("/health/ready")
    async def ready() -> dict[str, str | list[str]]:
        """The model is loaded and has answered a sample."""
        return {"status": "ready", "versions": server.current().versions}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters, for Prometheus."""
        return Response(server.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """The tasks and columns, and of each model its version, fusion and share of the queries."""
        return server.current().describe()

    @app.post("/recommend", response_model=bodies.RecommendAnswer)
    async def recommend(body: bodies.RecommendBody) -> JSONResponse:
        """Recommends the best candidates of the catalogue to each query."""
        if body.k > limits.max_k:
            raise HTTPException(422, f"k is {body.k}; at most {limits.max_k} may be asked for.")
        asked = Asked(body.queries, body.k, body.exclude_seen, body.exclude, body.fusion, body.only)
        versions, found = await server.recommend(asked, body.version)
        answer = {"versions": versions, "recommendations": found}
        return JSONResponse(answer, headers=version_header(versions))

    @app.post("/score", response_model=bodies.ScoreAnswer)
    async def score(body: bodies.ScoreBody) -> JSONResponse:
        """Gives every task's score of pairs of a query and a candidate."""
        versions, scores = await server.score(body.pairs, body.version)
        answer = {"versions": versions, "scores": scores}
        return JSONResponse(answer, headers=version_header(versions))

    @app.post("/events")
    async def events(body: bodies.EventsBody) -> bodies.EventsAnswer:
        """Writes what people just did; it counts in the next request of the same query."""
        log = server.current().first.events
        if log is None:
            raise HTTPException(404, "The service was started without --events, and takes none.")
        if len(body.events) > limits.max_rows:
            raise HTTPException(
                422, f"{len(body.events)} events were sent; at most {limits.max_rows} may be."
            )
        loop = asyncio.get_running_loop()
        written = await loop.run_in_executor(None, log.append, body.events)
        server.metrics.events.inc(written)
        return bodies.EventsAnswer(written=written)

    @app.get("/candidates/{id:path}")
    async def candidate(id: str) -> dict[str, Any]:
        """What the catalogue knows of a candidate."""
        known = server.current().candidate(id)
        if known is None:
            raise HTTPException(404, "The catalogue holds no such candidate.")
        return known

    @app.get("/queries/{id:path}")
    async def query(id: str) -> dict[str, Any]:
        """What is known of a query: its columns, what it has seen, its events."""
        known = server.current().query(id)
        if known is None:
            raise HTTPException(404, "Neither training nor an event has met this query.")
        return known

    @app.post("/models/reload")
    async def reload() -> dict[str, list[str]]:
        """Loads the newest models; the old ones answer until these have proved themselves."""
        if token is None:
            raise HTTPException(403, "The service was started without a token, and reloads none.")
        return {"versions": await server.reload()}

    protocols.add_to(app, server, name)
    return app


async def _watch(server: Server, watch: Callable[[], Any], seen: Any, seconds: float = 5) -> None:
    while True:
        await asyncio.sleep(seconds)
        now = await asyncio.get_running_loop().run_in_executor(None, watch)
        if now != seen:
            seen = now
            with contextlib.suppress(Exception):  # refused, and the old models go on
                await server.reload()


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(MtframeworkError)
    async def ours(request: Request, error: MtframeworkError) -> Response:
        return problem(422, error.found, error.expected, error.fix)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        [first, *_] = error.errors()
        place = ".".join(str(each) for each in first["loc"])
        return problem(422, f"{place}: {first['msg']}.", "See /docs.", f"Correct {place}.")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return problem(
            error.status_code,
            str(error.detail),
            "See /docs.",
            "Correct the request.",
            dict(error.headers or {}),
        )

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        return problem(
            500, "The request could not be answered.", "An answer.", "See the service's log."
        )
