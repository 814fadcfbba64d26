"""Requests that wait are answered together; who asks alone does not wait."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi.testclient import TestClient

from mtframework.serving.http.app import create_app
from mtframework.serving.http.limits import Limits
from mtframework.serving.http.models import Models
from mtframework.serving.http.service import Service
from mtframework.serving.http.waiting import Together


def test_who_asks_alone_is_answered_at_once_and_who_comes_together_together():
    calls = []

    def answer(kind, numbers):
        calls.append(list(numbers))
        return [-number for number in numbers]

    async def ask() -> list[int]:
        with ThreadPoolExecutor(1) as thread:
            together = Together(answer, thread, max_wait=1e6, max_size=3)
            alone = [await together.ask("", number, 1) for number in (1, 2)]
            several = await asyncio.gather(*(together.ask("", number, 1) for number in (3, 4, 5)))
            # These two would wait for a third one for days.
            waiting = [asyncio.create_task(together.ask("", number, 1)) for number in (6, 7)]
            await asyncio.sleep(0.01)
            assert calls[-1] == [3, 4, 5]
            last = await together.ask("", 8, 1)
            found = [*alone, *several, *[await each for each in waiting], last]
            await together.close()
        return found

    assert asyncio.run(asyncio.wait_for(ask(), 60)) == [-number for number in range(1, 9)]
    assert calls == [[1], [2], [3, 4, 5], [6, 7, 8]]


def test_what_takes_too_long_is_given_up(recommender):
    app = create_app(lambda: Models(Service(recommender, "1")), limits=Limits(timeout=1e-9))
    with TestClient(app) as client:
        answer = client.post("/recommend", json={"queries": [{"shopper": "3"}]})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["found"] == "No answer within 1e-09 seconds."
        assert 'mtframework_failures_total{version="1"} 1.0' in client.get("/metrics").text
