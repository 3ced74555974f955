"""A bounded pool of worker processes: N work, M wait, the rest are refused at once.

Each worker has a process, a pipe and models of its own and shares no lock with another, so
a worker that crashes, hangs or is killed costs the request it was working on and nothing
else. It is replaced at once. A worker ends when its parent is gone, however that ended.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import pickle
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import structlog

from cartoon_avatar.ai.errors import AiBusy, AiStarting, GenerationFailed
from cartoon_avatar.ai.pools.forks import mend_template, template
from cartoon_avatar.contract.errors import AvatarError, PictureUnusable
from cartoon_avatar.process import heap
from cartoon_avatar.process.logs import LogFormat, configure_logs
from cartoon_avatar.process.server import freeze_what_is_loaded

log = structlog.get_logger()

# Generous: importing and warming on a machine that starts many things at once.
_START_TIMEOUT_S = 120
_RESTART_PAUSES_S = (0, 0, 1, 5, 15)
# A drawing is within it; what is longer is read with pauses.
_READ_AHEAD_BYTES = 2**20
# Goes before each message between a worker and its parent.
_SIZE = struct.Struct("@Q")

S = TypeVar("S")
T = TypeVar("T")


class WorkerLost(Exception):
    """A worker ended or was killed before it answered."""


@dataclass(eq=False)
class Worker:
    """A worker process as seen from its parent."""

    process: multiprocessing.process.BaseProcess
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    #: What ``start`` left to say, e.g. the names of missing model files.
    greeting: Any = None

    @classmethod
    async def launch(
        cls,
        start: Callable[[], tuple[S, Any]],
        log_level: str,
        log_format: LogFormat | None = None,
    ) -> Worker:
        """Start a process that calls ``start`` once and keeps what it returns at hand."""
        ours, theirs = socket.socketpair()
        process = template.Process(
            target=_work, args=(theirs, start, log_level, log_format), name="ai-worker", daemon=True
        )
        worker = cls(process, *await asyncio.open_connection(sock=ours, limit=_READ_AHEAD_BYTES))
        try:
            with theirs:
                # In a thread, since the template may have to start first.
                await _finished(asyncio.ensure_future(asyncio.to_thread(_begin, process)))
            # multiprocessing's own exit would ask with SIGTERM, which workers ignore, and wait.
            atexit.register(process.kill)
            async with asyncio.timeout(_START_TIMEOUT_S):
                worker.greeting = await worker._answer()
        except BaseException:
            worker.kill()
            raise
        return worker

    @property
    def alive(self) -> bool:
        # As multiprocessing asks, which builds a selector for it each time.
        sentinel = select.poll()
        sentinel.register(self.process.sentinel, select.POLLIN)
        return not sentinel.poll(0)

    async def ask(self, job: Callable[..., T], args: tuple[Any, ...], timeout_s: float) -> T:
        """``job(tools, *args)``; a file among ``args`` is a list of its pieces, and bytes there.

        A worker that takes longer is killed.
        """
        # Files go beside the pickle: it would be a second copy of each, on both sides.
        files = {at: arg for at, arg in enumerate(args) if isinstance(arg, list)}
        others = [None if at in files else arg for at, arg in enumerate(args)]
        sizes_bytes = {at: sum(map(len, pieces)) for at, pieces in files.items()}
        asked = _packed((job, others, sizes_bytes))
        if self.writer.is_closing():
            raise WorkerLost(self.process.exitcode)
        try:
            async with asyncio.timeout(timeout_s):
                self.writer.writelines([asked, *chain.from_iterable(files.values())])
                return await self._answer()
        except TimeoutError:
            self.kill()
            raise

    async def _answer(self) -> Any:
        try:
            size_bytes = _SIZE.unpack(await self.reader.readexactly(_SIZE.size))[0]
            kind, value = pickle.loads(await self.reader.readexactly(size_bytes))  # noqa: S301 (of our own child)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            self.kill()
            raise WorkerLost(self.process.exitcode) from error
        if kind == "refused":
            raise _revived(*value)
        if kind == "unusable":
            raise PictureUnusable
        if kind == "failed":
            raise GenerationFailed
        return value

    def kill(self) -> None:
        self.writer.transport.abort()
        if self.process.pid is not None:  # it has begun
            atexit.unregister(self.process.kill)
            self.process.kill()
            self.process.join()


def _begin(process: multiprocessing.process.BaseProcess) -> None:
    mend_template()
    process.start()


def _work(
    end: socket.socket,
    start: Callable[[], tuple[Any, Any]],
    log_level: str,
    log_format: LogFormat | None,
) -> None:
    # Ctrl-C and a service manager's SIGTERM reach the whole group; the parent, which may
    # be finishing requests, decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    configure_logs("ai-worker", log_level, log_format=log_format)

    tools, greeting = start()
    freeze_what_is_loaded()
    with suppress(EOFError, OSError):  # the parent is gone
        end.sendall(_packed(("ready", greeting)))
        while True:
            (size_bytes,) = _SIZE.unpack(_received(end, _SIZE.size))
            job, args, sizes_bytes = pickle.loads(_received(end, size_bytes))  # noqa: S301 (of our own parent)
            for at, size_bytes in sizes_bytes.items():
                args[at] = _received(end, size_bytes)
            try:
                answer = ("done", job(tools, *args))
            except AvatarError as error:
                answer = ("refused", (type(error), vars(error)))
                heap.give_back()  # a hostile picture leaves nothing behind
            except (MemoryError, OSError):  # the machine's, which another time may be better
                log.exception("job_failed", job=job.__name__)
                answer = ("failed", None)
            except Exception:
                log.exception("job_failed", job=job.__name__)
                answer = ("unusable", None)
            end.sendall(_packed(answer))


def _packed(message: object) -> bytes:
    pickled = pickle.dumps(message)
    return _SIZE.pack(len(pickled)) + pickled


def _received(end: socket.socket, size_bytes: int) -> bytes:
    received = end.recv(size_bytes, socket.MSG_WAITALL)
    if len(received) != size_bytes:
        raise EOFError
    return received


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _revived(kind: type[AvatarError], attributes: dict[str, Any]) -> AvatarError:
    # An exception's own pickling repeats its constructor, whose arguments are gone.
    error = kind.__new__(kind)
    Exception.__init__(error, attributes["detail"])
    vars(error).update(attributes)
    return error


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
    waiting_since: dict[object, float] = field(default_factory=dict)
    _ended: dict[Worker, asyncio.Event] = field(default_factory=dict)

    def oldest_wait_s(self) -> float:
        now = time.monotonic()
        return now - min(self.waiting_since.values(), default=now)

    @contextmanager
    def place(self) -> Any:
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

    async def run(self, job: Callable[..., T], *args: Any) -> T:
        """Run ``job(tools, *args)`` in the next free worker; call it within a ``place``.

        Cancelled while it waits, it leaves the queue; once begun it is seen to its end.
        """
        worker = await self._next_worker()
        begun = asyncio.ensure_future(self._ask(worker, job, args))
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            # The worker is busy until then, and so is the place.
            with suppress(Exception):
                await asyncio.shield(begun)
            raise

    async def _next_worker(self) -> Worker:
        ticket = object()
        self.waiting_since[ticket] = time.monotonic()
        try:
            async with asyncio.timeout(self.timeout_s):
                while True:
                    worker = await self.idle.get()
                    if worker in self.ready and worker.alive:
                        return worker
        except TimeoutError as error:
            raise AiBusy(retry_after_s=5) from error
        finally:
            del self.waiting_since[ticket]

    async def _ask(self, worker: Worker, job: Callable[..., T], args: tuple[Any, ...]) -> T:
        try:
            return await worker.ask(job, args, self.timeout_s)
        except TimeoutError as error:
            log.error("job_timed_out", job=job.__name__, limit_s=self.timeout_s)
            self._forget(worker)
            raise GenerationFailed(
                f"The picture took longer than {self.timeout_s:g} s; try a smaller one."
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


async def _finished(future: asyncio.Future[T]) -> T:
    """Await ``future``; cancelled meanwhile, still see it through."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        with suppress(Exception):
            await future
        raise


@asynccontextmanager
async def open_workers(
    start: Callable[[], tuple[S, Any]],
    *,
    size: int,
    queue: int,
    timeout_s: float,
    log_level: str,
    log_format: LogFormat | None = None,
) -> AsyncIterator[Workers]:
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
