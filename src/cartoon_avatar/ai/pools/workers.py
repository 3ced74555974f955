"""A bounded pool of worker processes: N work, M wait, the rest are refused at once.

A worker that is lost is replaced at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.errors import AiBusy, AiStarting, GenerationFailed
from cartoon_avatar.ai.pools.admission import Line, OnPosition
from cartoon_avatar.ai.pools.worker import Worker, WorkerLost
from cartoon_avatar.process.logs import LogFormat

log = structlog.get_logger()

_RESTART_PAUSES_S = (0, 0, 1, 5, 15)

S = TypeVar("S")
T = TypeVar("T")


@dataclass(eq=False)
class Workers:
    """The pool as the routes see it. Made by ``open_workers``."""

    size: int
    queue: int
    timeout_s: float
    ready: set[Worker] = field(default_factory=set)  # alive, working or idle
    idle: asyncio.Queue[Worker] = field(default_factory=asyncio.Queue)
    taken: int = 0
    lost: int = 0
    cancelled: int = 0
    line: Line = field(default_factory=Line)
    _ended: dict[Worker, asyncio.Event] = field(default_factory=dict)

    @contextmanager
    def place(self) -> Generator[None]:
        """A place among the N that are worked on and the M that wait, or an error at once."""
        if not self.ready and not self.lost:
            raise AiStarting
        if self.taken >= self.size + self.queue:
            raise AiBusy(retry_after_s=1 + self.taken // self.size)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(
        self,
        job: Callable[..., T],
        *args: Any,
        on_position: OnPosition | None = None,
        report: Report | None = None,
        deadline_s: float | None = None,
    ) -> T:
        """Run ``job(tools, *args, report=…)`` in the next free worker; call it within a ``place``.

        Cancelled while it waits, it leaves the queue; once begun it ends where it next reports.
        """
        worker = await self._next_worker(on_position)
        timeout_s = self.timeout_s if deadline_s is None else deadline_s
        begun = asyncio.ensure_future(self._ask(worker, job, args, timeout_s, report))
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            worker.cancel()
            self.cancelled += 1
            # The worker is busy until then, and so is the place.
            with suppress(Exception):
                await asyncio.shield(begun)
            raise

    async def _next_worker(self, on_position: OnPosition | None) -> Worker:
        try:
            with self.line.waiting(on_position if self.idle.empty() else None):
                async with asyncio.timeout(self.timeout_s):
                    while True:
                        worker = await self.idle.get()
                        if worker in self.ready and worker.alive:
                            return worker
        except TimeoutError as error:
            raise AiBusy(retry_after_s=5) from error

    async def _ask(
        self,
        worker: Worker,
        job: Callable[..., T],
        args: tuple[Any, ...],
        timeout_s: float,
        report: Report | None,
    ) -> T:
        try:
            return await worker.ask(job, args, timeout_s, report)
        except TimeoutError as error:
            log.error("job_timed_out", job=job.__name__, limit_s=timeout_s)
            self._forget(worker)
            raise GenerationFailed(
                f"The picture took longer than {timeout_s:g} s; try a smaller one."
            ) from error
        except WorkerLost as error:
            log.error("worker_lost", job=job.__name__, exit_code=worker.process.exitcode)
            self._forget(worker)
            raise GenerationFailed from error
        finally:
            if worker in self.ready:
                self.idle.put_nowait(worker)

    def _forget(self, worker: Worker) -> None:
        if worker in self.ready:
            self.lost += 1
            self._retire(worker)

    def _retire(self, worker: Worker) -> None:
        self.ready.discard(worker)
        self._ended[worker].set()

    async def renew(self) -> None:
        """Have every worker replaced by one that starts anew, each once it is idle."""
        old = set(self.ready)
        while old & self.ready:
            worker = await self.idle.get()
            if worker in old & self.ready:
                self._retire(worker)
            elif worker in self.ready:
                self.idle.put_nowait(worker)
                await asyncio.sleep(0.05)  # an old one is still at work

    async def keep(self, launch: Callable[[], Awaitable[Worker]]) -> None:
        """Keep one worker alive for as long as this is not cancelled."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            await asyncio.sleep(_RESTART_PAUSES_S[min(failures, len(_RESTART_PAUSES_S) - 1)])
            started = time.monotonic()
            try:
                worker = await launch()
            except (WorkerLost, TimeoutError, OSError, GenerationFailed):
                failures += 1
                log.error("worker_did_not_start", attempt=failures)
                continue
            failures = 0
            log.info("worker_ready", ms=round(1000 * (time.monotonic() - started)))
            ended = self._ended[worker] = asyncio.Event()
            self.ready.add(worker)
            self.idle.put_nowait(worker)
            # Dies while idle: replaced before anybody asks for it.
            sentinel = worker.process.sentinel
            loop.add_reader(sentinel, self._forget, worker)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(sentinel)
                self.ready.discard(worker)
                del self._ended[worker]
                worker.kill()


@asynccontextmanager
async def open_workers(
    start: Callable[[], tuple[S, Any]],
    *,
    size: int,
    queue: int,
    timeout_s: float,
    log_level: str,
    log_format: LogFormat | None = None,
) -> AsyncGenerator[Workers]:
    """``size`` workers that each call ``start`` for their tools; they get ready meanwhile."""
    workers = Workers(size, queue, timeout_s)
    keepers: list[asyncio.Task[None]] = [
        asyncio.create_task(workers.keep(lambda: Worker.launch(start, log_level, log_format)))
        for _ in range(size)
    ]
    try:
        yield workers
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
