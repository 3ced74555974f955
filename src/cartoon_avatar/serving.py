"""What both services do the same as running processes: logs, request ids, ending with a parent."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cartoon_avatar.contract import REQUEST_ID, SERVER_TIMING
from cartoon_avatar.problems import AvatarError, problem_response

log = structlog.get_logger()

# For requests under way when a worker is told to stop.
_WORKER_GRACE_S = 15
# How long, and how many times the limit, to read on after an answer that did not need the
# whole body.
_DRAIN_S = 5
_DRAIN_TIMES = 10

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_REQUEST_ID_NAME = REQUEST_ID.lower().encode()
# Asked for every few seconds by probes: worth a metric, not a log line.
_QUIET_ROUTES = {"/healthz", "/readyz", "/metrics"}
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Who an original belongs to stands in its file's name, and tracebacks quote names.
_OWNER = re.compile(r"(\d{6,20}_)[A-Za-z0-9._-]+")


def configure_logs(service: str, level: str = "info", to: TextIO | None = None) -> None:
    """Write one JSON object a line, the libraries' logs included, if not told otherwise to
    standard error."""
    to = to or sys.stderr
    processors = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_owners,
        lambda logger, name, event: {"service": service, **event},
    ]
    # Past the standard library's logging, which takes longer than all the rest of a line.
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer()],
        logger_factory=lambda *names: _Lines(to),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # The first two log every URL they ask for, and ours carry signatures; Pillow logs what
    # EXIF says, and that is where a photo was taken.
    for chatty in ("httpx", "httpcore", "PIL", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _Lines:
    """Where structlog writes."""

    def __init__(self, to: TextIO) -> None:
        self.to = to

    def msg(self, line: str) -> None:
        # Whoever reads the log may be gone, or its disk full: no request fails for that.
        with contextlib.suppress(OSError, ValueError):
            self.to.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def _without_owners(logger: object, name: str, event: dict[str, Any]) -> dict[str, Any]:
    for part in ("event", "exception", "error"):
        if isinstance(event.get(part), str):
            event[part] = _OWNER.sub(r"\1…", event[part])
    return event


class InternalError(AvatarError):
    """What we did not foresee; the log has it under the request id."""


class RequestLog:
    """ASGI middleware: a request id, a log line and a metric for every request.

    The log names the route's template, never the path: paths carry device ids and queries
    carry signatures. An exception nobody translated becomes a 500 here.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        requests = Counter(
            "requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=registry,
        )
        seconds = Histogram(
            "request_seconds",
            "From the request's head to the end of the answer",
            ["route"],
            registry=registry,
        )
        # A small picture is answered in less time than labels and logger take to be found.
        self.requests_of, self.seconds_of = cache(requests.labels), cache(seconds.labels)
        self.log = log.bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        request_id = _request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        stages: dict[str, float] = {}
        _stages.set(stages)
        started = time.perf_counter()
        status = 0

        async def send_stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (_REQUEST_ID_NAME, request_id.encode())]
                message = {**message, "headers": headers}
                if stages:
                    timing = (f"{name};dur={ms:.1f}" for name, ms in stages.items())
                    MutableHeaders(raw=headers)[SERVER_TIMING] = ", ".join(timing)
            await send(message)

        try:
            await self.app(scope, receive, send_stamped)
        except Exception:
            log.exception("unexpected")
            if status:
                raise  # half an answer is out: the server must cut the connection
            unexpected = InternalError("Something went wrong on our side; the log has the details.")
            await problem_response(request_id, unexpected)(scope, receive, send_stamped)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            took_s = time.perf_counter() - started
            # A client may call its method what it likes; a label for each would fill memory.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.requests_of(method, route, status).inc()
            self.seconds_of(route).observe(took_s)
            if route not in _QUIET_ROUTES:
                self.log.info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    ms=round(took_s * 1000, 1),
                )
            structlog.contextvars.clear_contextvars()


# Milliseconds by stage of the request at hand; empty dictionaries stay out of the answer.
_stages: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a stage of the request for its ``Server-Timing`` header."""
    started = time.perf_counter()
    try:
        yield
    finally:
        stages = _stages.get()
        if stages is not None:
            stages[name] = stages.get(name, 0) + (time.perf_counter() - started) * 1000


class FileTooLarge(AvatarError):
    status = 413
    code = "file_too_large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The upload is larger than the limit of {max_bytes / 1e6:g} MB; send a smaller file."
        )


class BodyLimit:
    """ASGI middleware: a request body is counted while it streams in, and cut off at the limit.

    A truthful Content-Length is refused before a byte is read; a lying or missing one when the
    count passes the limit. ``max_bytes`` is what the message names; ``overhead_bytes`` on top
    of it is for multipart boundaries and form fields. Goes inside ``RequestLog``.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, overhead_bytes: int = 65_536) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.limit_bytes = max_bytes + overhead_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        counted = 0
        ended = declared == b"0" and b"transfer-encoding" not in headers
        too_large = answering = early = False

        async def receive_counted() -> Message:
            nonlocal counted, ended, too_large
            message = await receive()
            counted += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if counted > self.limit_bytes:
                too_large = True
                raise FileTooLarge(self.max_bytes)
            return message

        async def send_unless_too_large(message: Message) -> None:
            nonlocal answering, early
            # Whatever the app makes of a body that was cut off, the answer is ours.
            if too_large and not answering:
                return
            if message["type"] == "http.response.start":
                answering = True
                if early := not ended:
                    # Once all of a known length is out, the server would close the connection.
                    del MutableHeaders(scope=message)["Content-Length"]
            elif early and not message.get("more_body"):
                await send({**message, "more_body": True})
                await drain()
                message = {"type": "http.response.body"}
            await send(message)

        async def drain() -> None:
            """Read on for a moment, the answer being out but for its end.

            A server closes a connection on which it answered before the body was read; a
            client still sending would see a reset instead of the answer.
            """
            nonlocal counted, ended
            most = counted + _DRAIN_TIMES * self.max_bytes
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    while not ended and counted < most:
                        message = await receive()
                        counted += len(message.get("body", b""))
                        # Another message would only say so, for a quarter of what all cost.
                        ended = not message.get("more_body", False) or b"%d" % counted == declared

        if declared.isdigit() and (len(declared) > 15 or int(declared) > self.limit_bytes):
            too_large = True
        else:
            try:
                await self.app(scope, receive_counted, send_unless_too_large)
            except FileTooLarge:
                if answering:
                    raise
        if too_large and not answering:
            too_large = False
            answer = problem_response(scope["state"]["request_id"], FileTooLarge(self.max_bytes))
            await answer(scope, receive, send_unless_too_large)


def _request_id_of(scope: Scope) -> str:
    wanted = dict(scope["headers"]).get(_REQUEST_ID_NAME, b"")
    return wanted.decode() if _REQUEST_ID.fullmatch(wanted) else secrets.token_hex(8)


def freeze_what_is_loaded() -> None:
    """To be called once everything is imported and built, which then lives to the end.

    Python's collector would walk through all of it again and again: a tenth of a second each
    time, in which nobody is answered.
    """
    gc.freeze()
    gc.enable()


def exit_with_parent(parent: int | None = None, grace_s: float = 10) -> None:
    """Have this process end, gracefully if it can, once its parent is gone, or if it is by now.

    A parent killed with SIGKILL tells nobody; its children are handed to another process,
    which is what the thread started here looks out for. ``parent`` is the id of the process
    that started this one, by default as multiprocessing knows it.
    """
    if parent is None:
        started_by = multiprocessing.parent_process()
        assert started_by is not None
        parent = started_by.pid

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_s)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


def run_server(factory: str, host: str, port: int, workers: int, with_parent: int | None) -> None:
    """Serve the ASGI app that ``factory`` ("module:function") makes, until told to stop, or until
    the process ``with_parent`` is gone."""
    from granian import Granian
    from granian.constants import Interfaces

    if with_parent is not None:
        exit_with_parent(with_parent)
    # A quarter of an import goes into collecting garbage that is none; its workers turn the
    # collector on again.
    gc.disable()
    Granian(
        factory,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        factory=True,
        websockets=False,
        log_level="warning",
        respawn_failed_workers=True,
        workers_kill_timeout=_WORKER_GRACE_S,
    ).serve()
