"""A worker process: gets jobs through a pipe, one at a time; sends reports and a result back.

It has models of its own and shares no lock with another, so a worker that crashes, hangs or is
killed costs the request it was working on and nothing else. It ends when its parent is gone,
however that ended.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import pickle
import select
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import structlog

from cartoon_avatar.ai.engines.drawing import Cancelled, Report
from cartoon_avatar.ai.errors import GenerationFailed
from cartoon_avatar.ai.pools.forks import mend_template, template
from cartoon_avatar.contract.errors import AvatarError, PictureUnusable
from cartoon_avatar.process import heap
from cartoon_avatar.process.lifetime import exit_with_launcher
from cartoon_avatar.process.logs import LogFormat, configure_logs
from cartoon_avatar.process.server import freeze_what_is_loaded

log = structlog.get_logger()

# Generous: importing and warming on a busy machine.
_START_TIMEOUT_S = 120
# Larger than a drawing; longer messages are read with pauses.
_READ_AHEAD_BYTES = 2**20
# Goes before each message between a worker and its parent.
_SIZE = struct.Struct("@Q")

S = TypeVar("S")
T = TypeVar("T")


class WorkerLost(Exception):
    """A worker ended or was killed before it sent a result."""


@dataclass(eq=False)
class Worker:
    """A worker process as seen from its parent."""

    process: multiprocessing.process.BaseProcess
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    #: The second value of ``start``, e.g. the names of missing model files.
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
                worker.greeting = await worker._response()
        except BaseException:
            worker.kill()
            raise
        return worker

    @property
    def alive(self) -> bool:
        # Like ``Process.is_alive``, which would build a selector each time.
        sentinel = select.poll()
        sentinel.register(self.process.sentinel, select.POLLIN)
        return not sentinel.poll(0)

    async def ask(
        self,
        job: Callable[..., T],
        args: tuple[Any, ...],
        timeout_s: float,
        report: Report | None = None,
    ) -> T:
        """``job(tools, *args, report=…)``; a file among ``args`` is a list of its pieces, and bytes
        there. A worker that takes longer is killed.
        """
        # Files go beside the pickle, which would copy each of them on both sides.
        files = {at: arg for at, arg in enumerate(args) if isinstance(arg, list)}
        others = [None if at in files else arg for at, arg in enumerate(args)]
        sizes_bytes = {at: sum(map(len, pieces)) for at, pieces in files.items()}
        request = _packed((job, others, sizes_bytes, report is not None))
        if self.writer.is_closing():
            raise WorkerLost(self.process.exitcode)
        try:
            async with asyncio.timeout(timeout_s):
                self.writer.writelines([request, *chain.from_iterable(files.values())])
                return await self._response(report)
        except TimeoutError:
            self.kill()
            raise

    def cancel(self) -> None:
        """Have the job at hand end where it next reports; ``ask`` then raises ``Cancelled``."""
        if not self.writer.is_closing():
            self.writer.write(_CANCEL)

    async def _response(self, report: Report | None = None) -> Any:
        while True:
            try:
                size_bytes = _SIZE.unpack(await self.reader.readexactly(_SIZE.size))[0]
                kind, value = pickle.loads(await self.reader.readexactly(size_bytes))  # noqa: S301 (of our own child)
            except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
                self.kill()
                raise WorkerLost(self.process.exitcode) from error
            if kind != "report":
                break
            if report is not None:
                report(*value)
        if kind == "refused":
            raise _revived(*value)
        if kind == "cancelled":
            raise Cancelled
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
    exit_with_launcher()
    configure_logs("ai-worker", log_level, log_format=log_format)

    tools, greeting = start()
    freeze_what_is_loaded()
    with suppress(EOFError, OSError):  # the parent is gone
        end.sendall(_packed(("ready", greeting)))
        while True:
            (size_bytes,) = _SIZE.unpack(_received(end, _SIZE.size))
            request = pickle.loads(_received(end, size_bytes))  # noqa: S301 (of our own parent)
            if request is None:  # the cancelling of a job that has ended
                continue
            job, args, sizes_bytes, has_listener = request
            for at, size_bytes in sizes_bytes.items():
                args[at] = _received(end, size_bytes)
            try:
                outcome = ("done", job(tools, *args, report=_reporter(end, has_listener)))
            except Cancelled:
                outcome = ("cancelled", None)
            except AvatarError as error:
                outcome = ("refused", (type(error), vars(error)))
                heap.trim()  # a hostile picture leaves nothing behind
            except (MemoryError, OSError):  # a lack of resources: transient
                log.exception("job_failed", job=job.__name__)
                outcome = ("failed", None)
            except Exception:
                log.exception("job_failed", job=job.__name__)
                outcome = ("unusable", None)
            end.sendall(_packed(outcome))


def _reporter(end: socket.socket, has_listener: bool) -> Report:
    """Sends reports to the parent, if it listens; raises ``Cancelled`` once the parent cancels."""
    incoming = select.poll()
    incoming.register(end, select.POLLIN)

    def report(stage: str, share: float | None) -> None:
        # Only a cancellation can arrive during a job. The message is left to the main loop.
        if incoming.poll(0):
            raise Cancelled
        if has_listener:
            end.sendall(_packed(("report", (stage, share))))

    return report


def _packed(message: object) -> bytes:
    pickled = pickle.dumps(message)
    return _SIZE.pack(len(pickled)) + pickled


# Sent instead of a job: cancels the one before it.
_CANCEL = _packed(None)


def _received(end: socket.socket, size_bytes: int) -> bytes:
    received = end.recv(size_bytes, socket.MSG_WAITALL)
    if len(received) != size_bytes:
        raise EOFError
    return received


def _revived(kind: type[AvatarError], attributes: dict[str, Any]) -> AvatarError:
    # An exception's own pickling repeats its constructor, whose arguments are gone.
    error = kind.__new__(kind)
    Exception.__init__(error, attributes["detail"])
    vars(error).update(attributes)
    return error


async def _finished(future: asyncio.Future[T]) -> T:
    """Await ``future``; cancelled meanwhile, still see it through."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        with suppress(Exception):
            await future
        raise
