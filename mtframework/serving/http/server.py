"""What the application's requests share: the models, and those who wait for them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.exceptions import HTTPException

from mtframework.serving.http.answers import Row
from mtframework.serving.http.limits import Limits
from mtframework.serving.http.metrics import Metrics
from mtframework.serving.http.models import Models
from mtframework.serving.http.service import Request, Service
from mtframework.serving.http.waiting import Busy, Together


class Server:
    """Answers requests by the models that are loaded.

    Args:
        load: Returns the newest models.
        limits: What a request may ask at most.
    """

    def __init__(self, load: Callable[[], Models], limits: Limits):
        self.load, self.limits = load, limits
        self.models: Models | None = None
        self.metrics = Metrics()
        self._thread = ThreadPoolExecutor(1, "mtframework-answers")
        self._loading = asyncio.Lock()
        settings = {"max_wait": limits.max_wait, "max_waiting": limits.max_waiting}
        self.recommendations = Together(self._recommend, self._thread, **settings)
        self.scores = Together(self._score, self._thread, **settings)

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded and have answered a sample."""
        return self.models is not None

    async def reload(self) -> list[str]:
        """Loads the newest models beside the old ones, tries them, and answers by them then.

        The old ones answer meanwhile, and go on where a new one fails.

        Returns:
            Their versions.
        """
        async with self._loading:
            models = await asyncio.get_running_loop().run_in_executor(None, self._loaded)
            self.models = models
        return models.versions

    async def close(self) -> None:
        """Ends the waiting and the thread."""
        await self.recommendations.close()
        await self.scores.close()
        self._thread.shutdown(wait=False)

    async def recommend(
        self, asked: Request, version: str | None = None
    ) -> tuple[list[str], list[list[dict[str, Any]]]]:
        """Returns for each query the version of the model that answered, and its candidates.

        Args:
            asked: The request.
            version: The model that answers, where two are served; else each query's own does.
        """

        def ask(place: int, numbers: Sequence[int]) -> Awaitable:
            part = asked.part(numbers)
            return self._waiting(self.recommendations, place, part.kind, part, len(numbers))

        return await self._shared(asked.rows, version, ask)

    async def score(
        self, rows: Sequence[Row], version: str | None = None
    ) -> tuple[list[str], list[dict[str, float]]]:
        """Returns for each pair the version of the model that answered, and every task's score."""

        def ask(place: int, numbers: Sequence[int]) -> Awaitable:
            part = [rows[number] for number in numbers]
            kind = tuple(sorted(part[0])) if part else ()
            return self._waiting(self.scores, place, kind, part, len(numbers))

        return await self._shared(rows, version, ask)

    def current(self) -> Models:
        """Returns the models.

        Raises:
            HTTPException: None is loaded so far.
        """
        if self.models is None:
            raise HTTPException(503, "The model is not loaded yet.", {"Retry-After": "1"})
        return self.models

    async def _shared(
        self,
        rows: Sequence[Row],
        version: str | None,
        ask: Callable[[int, Sequence[int]], Awaitable],
    ) -> tuple[list[str], list[Any]]:
        """Asks each model about its rows, and returns the versions and answers in their order."""
        models = self.current()
        if len(rows) > self.limits.max_rows:
            raise HTTPException(
                422, f"{len(rows)} rows were sent; at most {self.limits.max_rows} may be."
            )
        parts = models.parts(rows, version)
        asked = [ask(place, parts[place]) for place in parts]
        # Waiting for several takes a task each, which costs more than the rest of the waiting.
        told = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
        versions, found = [""] * len(rows), [None] * len(rows)
        for numbers, (answered, part) in zip(parts.values(), told, strict=True):
            for number, one in zip(numbers, part, strict=True):
                versions[number], found[number] = answered, one
        return versions, found

    async def _waiting(
        self, together: Together, place: int, kind: Hashable, asked: Any, size: int
    ) -> tuple[str, Any]:
        version = self.current().versions[place]
        try:
            async with asyncio.timeout(self.limits.timeout):
                return await together.ask((place, kind), asked, size)
        except Busy:
            self.metrics.failures.labels(version).inc()
            raise HTTPException(503, "Too many requests wait.", {"Retry-After": "1"}) from None
        except TimeoutError:
            self.metrics.failures.labels(version).inc()
            raise HTTPException(
                503, f"No answer within {self.limits.timeout:g} seconds.", {"Retry-After": "1"}
            ) from None
        except Exception:
            self.metrics.failures.labels(version).inc()
            raise
        finally:
            waiting = self.recommendations.num_waiting + self.scores.num_waiting
            self.metrics.waiting.set(waiting)

    def _loaded(self) -> Models:
        models = self.load()
        models.warm_up()
        return models

    # What a batch is answered by is looked up when it is answered: versions never mix in one.
    def _recommend(self, kind: tuple[int, str], requests: Sequence[Request]) -> list:
        service = self.current().services[kind[0]]
        rows = [row for asked in requests for row in asked.rows]
        self.metrics.rows.labels(service.version).observe(len(rows))
        found = service.recommend(requests)
        self._count(service, rows, [each for part in found for each in part])
        return [(service.version, part) for part in found]

    def _score(
        self, kind: tuple[int, Hashable], requests: Sequence[Sequence[Row]]
    ) -> list[tuple[str, list[dict[str, float]]]]:
        service = self.current().services[kind[0]]
        self.metrics.rows.labels(service.version).observe(sum(map(len, requests)))
        return [(service.version, part) for part in service.score(requests)]

    def _count(self, service: Service, rows: Sequence[Row], found: Sequence[Sequence]) -> None:
        metrics, version = self.metrics, service.version
        metrics.queries.labels(version).inc(len(found))
        metrics.empty.labels(version).inc(sum(not each for each in found))
        key = service.model.schema.query_key
        if names := [row[key] for row in rows if key in row]:
            unknown = (service.model.vocabularies[key].ids(names) == 0).sum()
            metrics.unknown.labels(version).inc(int(unknown))
