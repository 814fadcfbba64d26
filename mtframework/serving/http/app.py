"""The ASGI application that `mtframework serve` runs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from mtframework.serving.http.limits import Guard, Limits, problem
from mtframework.serving.http.metrics import Metrics
from mtframework.serving.http.service import Request as Asked
from mtframework.serving.http.service import Service
from mtframework.serving.http.waiting import Busy, Together

PAGE = Path(__file__).with_name("page")


class Server:
    """What the application's requests share: the current model, and those who wait for it.

    Args:
        load: Returns a service of the newest model.
        limits: What a request may ask at most.
    """

    def __init__(self, load: Callable[[], Service], limits: Limits):
        self.load, self.limits = load, limits
        self.service: Service | None = None
        self.metrics = Metrics()
        self._thread = ThreadPoolExecutor(1, "mtframework-answers")
        self._loading = asyncio.Lock()
        settings = {
            "max_wait": limits.max_wait,
            "max_waiting": limits.max_waiting,
            "observe": self.metrics.rows.observe,
        }
        self.recommendations = Together(self._recommend, self._thread, **settings)
        self.scores = Together(self._score, self._thread, **settings)

    @property
    def is_ready(self) -> bool:
        """Whether a model is loaded and has answered a sample."""
        return self.service is not None

    async def reload(self) -> str:
        """Loads the newest model beside the old one, tries it, and answers by it from then on.

        The old one answers meanwhile, and goes on where the new one fails.

        Returns:
            The version.
        """
        async with self._loading:
            service = await asyncio.get_running_loop().run_in_executor(None, self._loaded)
            self.service = service
        return service.version

    async def close(self) -> None:
        """Ends the waiting and the thread."""
        await self.recommendations.close()
        await self.scores.close()
        self._thread.shutdown(wait=False)

    async def recommend(self, asked: Asked) -> tuple[str, list[list[dict[str, Any]]]]:
        """Returns the model's version and each query's candidates."""
        version, found = await self._waiting(self.recommendations, asked.kind, asked, asked.rows)
        self._count(asked, found)
        return version, found

    async def score(self, rows: Sequence[bodies.Row]) -> tuple[str, list[dict[str, float]]]:
        """Returns the model's version and every task's score of each pair."""
        kind = tuple(sorted(rows[0])) if rows else ()
        return await self._waiting(self.scores, kind, rows, rows)

    def current(self) -> Service:
        """Returns the service.

        Raises:
            HTTPException: No model is loaded so far.
        """
        if self.service is None:
            raise HTTPException(503, "The model is not loaded yet.", {"Retry-After": "1"})
        return self.service

    async def _waiting(
        self, together: Together, kind: Hashable, asked: Any, rows: Sequence
    ) -> tuple[str, Any]:
        self.current()
        if len(rows) > self.limits.max_rows:
            raise HTTPException(
                422, f"{len(rows)} rows were sent; at most {self.limits.max_rows} may be."
            )
        try:
            answer = together.ask(kind, asked, len(rows))
            return await asyncio.wait_for(answer, self.limits.timeout)
        except Busy:
            raise HTTPException(503, "Too many requests wait.", {"Retry-After": "1"}) from None
        except TimeoutError:
            raise HTTPException(
                503, f"No answer within {self.limits.timeout:g} seconds.", {"Retry-After": "1"}
            ) from None
        finally:
            waiting = self.recommendations.num_waiting + self.scores.num_waiting
            self.metrics.waiting.set(waiting)

    def _loaded(self) -> Service:
        service = self.load()
        service.warm_up()
        return service

    # What a batch is answered by is looked up when it is answered: versions never mix in one.
    def _recommend(self, kind: str, requests: Sequence[Asked]) -> list:
        service = self.current()
        return [(service.version, found) for found in service.recommend(requests)]

    def _score(self, kind: Hashable, requests: Sequence[Sequence[bodies.Row]]) -> list:
        service = self.current()
        return [(service.version, found) for found in service.score(requests)]

    def _count(self, asked: Asked, found: Sequence[Sequence]) -> None:
        model = self.current().model
        key = model.schema.query_key
        self.metrics.queries.inc(len(found))
        self.metrics.empty.inc(sum(not each for each in found))
        names = [row[key] for row in asked.rows if key in row]
        if names:
            self.metrics.unknown.inc(int((model.vocabularies[key].ids(names) == 0).sum()))


def create_app(
    load: Callable[[], Service],
    name: str = "model",
    limits: Limits | None = None,
    token: str | None = None,
    watch: Callable[[], Any] | None = None,
) -> FastAPI:
    """Returns the application, which loads its model when it is started.

    Args:
        load: Returns a service of the newest model.
        name: What the protocols call the model.
        limits: What a request may ask at most.
        token: What requests must carry; None where everyone may ask.
        watch: Returns a value that changes when there is a newer model to load; asked every
            five seconds.

    Example:

    >>> app = create_app(lambda: Service(recommender, "1"))
    >>> sorted(route.path for route in app.routes if route.path.startswith("/health"))
    ['/health/live', '/health/ready']
    """
    limits = limits or Limits()
    server = Server(load, limits)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        seen = watch() if watch is not None else None
        await server.reload()
        watching = asyncio.create_task(_watch(server, watch, seen)) if watch is not None else None
        yield
        if watching is not None:
            watching.cancel()
        await server.close()

    app = FastAPI(
        title="mtframework",
        version=mtframework.__version__,
        summary="Recommendations and scores of one model.",
        lifespan=lifespan,
        responses={422: {"model": bodies.Problem}},
    )
    app.state.server = server
    app.add_middleware(Guard, max_bytes=limits.max_bytes, token=token)
    _count_requests(app, server)
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
    async def ready() -> dict[str, str]:
        """The model is loaded and has answered a sample."""
        return {"status": "ready", "version": server.current().version}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters, for Prometheus."""
        return Response(server.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """The model's tasks, columns and fusion."""
        return server.current().describe()

    @app.post("/recommend", response_model=bodies.RecommendAnswer)
    async def recommend(body: bodies.RecommendBody) -> JSONResponse:
        """Recommends the best candidates of the catalogue to each query."""
        if body.k > limits.max_k:
            raise HTTPException(422, f"k is {body.k}; at most {limits.max_k} may be asked for.")
        asked = Asked(body.queries, body.k, body.exclude_seen, body.exclude, body.fusion, body.only)
        version, found = await server.recommend(asked)
        return JSONResponse({"version": version, "recommendations": found})

    @app.post("/score", response_model=bodies.ScoreAnswer)
    async def score(body: bodies.ScoreBody) -> JSONResponse:
        """Gives every task's score of pairs of a query and a candidate."""
        version, scores = await server.score(body.pairs)
        return JSONResponse({"version": version, "scores": scores})

    @app.post("/events")
    async def events(body: bodies.EventsBody) -> bodies.EventsAnswer:
        """Writes what people just did; it counts in the next request of the same query."""
        log = server.current().events
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
    async def reload() -> dict[str, str]:
        """Loads the newest model; the old one answers until the new one has proved itself."""
        if token is None:
            raise HTTPException(403, "The service was started without a token, and reloads none.")
        return {"version": await server.reload()}

    protocols.add_to(app, server, name)
    return app


async def _watch(server: Server, watch: Callable[[], Any], seen: Any, seconds: float = 5) -> None:
    while True:
        await asyncio.sleep(seconds)
        now = await asyncio.get_running_loop().run_in_executor(None, watch)
        if now != seen:
            seen = now
            with contextlib.suppress(Exception):  # refused, and the old model goes on
                await server.reload()


def _count_requests(app: FastAPI, server: Server) -> None:
    @app.middleware("http")
    async def count(request: Request, call_next: Callable) -> Any:
        begun = time.perf_counter()
        answer = await call_next(request)
        route = request.scope.get("route")
        path = getattr(route, "path", "other")
        version = server.service.version if server.service is not None else ""
        server.metrics.requests.labels(path, answer.status_code, version).inc()
        server.metrics.seconds.labels(path).observe(time.perf_counter() - begun)
        return answer


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
