"""Requests that wait are answered together."""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Busy(Exception):
    """More requests wait than may."""


@dataclass
class _Waiting(Generic[Asked]):
    kind: Hashable
    asked: Asked
    size: int
    answer: asyncio.Future = field(repr=False)
    since: float = field(default_factory=time.monotonic)


class Together(Generic[Asked, Answer]):
    """Answers waiting requests of one kind by one call.

    A request waits while another call runs. Where the last call found requests that came together,
    it waits for more of them besides, until `max_wait` has passed since it came, or `max_size` rows
    are together; whoever asks alone is answered at once. One thread calls, so that no two calls
    are under way. A call that fails is repeated for each of its requests alone, so that a request
    never fails by another one's fault.

    Args:
        answer: Called with a kind and its requests; returns an answer for each.
        executor: What calls it: one thread.
        max_wait: Seconds.
        max_size: The most rows in a call.
        max_waiting: The most rows that wait.
    """

    def __init__(
        self,
        answer: Callable[[Any, Sequence[Asked]], Sequence[Answer]],
        executor: Executor,
        max_wait: float = 0.002,
        max_size: int = 256,
        max_waiting: int = 4096,
    ):
        self.answer, self.executor = answer, executor
        self.max_wait, self.max_size, self.max_waiting = max_wait, max_size, max_waiting
        self.num_waiting = 0
        self._waiting: list[_Waiting[Asked]] = []
        self._came = asyncio.Event()
        self._come_together = False
        self._task: asyncio.Task | None = None

    async def ask(self, kind: Hashable, asked: Asked, size: int) -> Answer:
        """Returns the answer of a request of `size` rows.

        Raises:
            Busy: Too many rows wait.
        """
        if self.num_waiting + size > self.max_waiting:
            raise Busy
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        one = _Waiting(kind, asked, size, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        self.num_waiting += size
        self._came.set()
        try:
            return await one.answer
        finally:
            self.num_waiting -= size

    async def close(self) -> None:
        """Ends the waiting."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                self._came.clear()
                await self._came.wait()
            # What came while others were answered has waited already.
            until = self._waiting[0].since + self.max_wait
            while (
                self._come_together
                and (left := until - time.monotonic()) > 0
                and self._num_rows() < self.max_size
            ):
                self._came.clear()
                try:
                    await asyncio.wait_for(self._came.wait(), left)
                except TimeoutError:
                    break
            if batch := self._next():
                self._come_together = len(batch) > 1 or bool(self._waiting)
                await loop.run_in_executor(self.executor, self._answer, batch, loop)

    def _num_rows(self) -> int:
        return sum(one.size for one in self._waiting)

    def _next(self) -> list[_Waiting[Asked]]:
        """Takes the first request, and what came after it of its kind, up to the size."""
        self._waiting = [one for one in self._waiting if not one.answer.cancelled()]
        if not self._waiting:
            return []
        first, *others = self._waiting
        batch, rest, size = [first], [], first.size
        for one in others:
            if one.kind == first.kind and size + one.size <= self.max_size:
                batch.append(one)
                size += one.size
            else:
                rest.append(one)
        self._waiting = rest
        return batch

    def _answer(self, batch: list[_Waiting[Asked]], loop: asyncio.AbstractEventLoop) -> None:
        try:
            found = list(self.answer(batch[0].kind, [one.asked for one in batch]))
        except Exception as error:
            if len(batch) == 1:
                loop.call_soon_threadsafe(_fail, batch[0].answer, error)
                return
            for one in batch:
                self._answer([one], loop)
            return
        for one, answer in zip(batch, found, strict=True):
            loop.call_soon_threadsafe(_give, one.answer, answer)


def _give(future: asyncio.Future, answer: Any) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: asyncio.Future, error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
