"""Admission control of an engine: a bounded FIFO queue; what exceeds it is refused at once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

from cartoon_avatar.ai.errors import AiBusy

# Called with the position in a queue whenever it changes; 1 is next.
OnPosition = Callable[[int], None]


class Line:
    """Waiting requests, in order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[object, tuple[float, OnPosition | None]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def oldest_s(self) -> float:
        now = time.monotonic()
        return now - min((since for since, _ in self._waiting.values()), default=now)

    @contextmanager
    def waiting(self, on_position: OnPosition | None = None) -> Generator[None]:
        ticket = object()
        self._waiting[ticket] = (time.monotonic(), on_position)
        if on_position is not None:
            on_position(len(self._waiting))
        try:
            yield
        finally:
            place = list(self._waiting).index(ticket)
            del self._waiting[ticket]
            for position, (_, behind) in enumerate(self._waiting.values(), start=1):
                if position > place and behind is not None:
                    behind(position)


class Places:
    """The places of one engine: ``at_once`` draw, ``queue`` more wait for ``wait_s`` at most."""

    def __init__(self, at_once: int, queue: int, expected_s: float, wait_s: float) -> None:
        self.at_once = at_once
        self.queue = queue
        self.line = Line()
        self.taken = 0
        self._expected_s = expected_s
        self._wait_s = wait_s
        self._free = asyncio.Semaphore(at_once)

    @contextmanager
    def place(self) -> Generator[None]:
        """A place among those that draw and those that wait. Raises ``AiBusy`` at once."""
        if self.taken >= self.at_once + self.queue:
            raise AiBusy(self._retry_after_s())
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    @asynccontextmanager
    async def turn(self, on_position: OnPosition | None = None) -> AsyncGenerator[None]:
        """Enter once fewer than ``at_once`` draw, within a ``place``. Raises ``AiBusy``."""
        with self.line.waiting(on_position if self._free.locked() else None):
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._free.acquire()
            except TimeoutError as error:
                raise AiBusy(self._retry_after_s()) from error
        try:
            yield
        finally:
            self._free.release()

    def _retry_after_s(self) -> int:
        return math.ceil(self._expected_s * max(1, self.taken / self.at_once))
