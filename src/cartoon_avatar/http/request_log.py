"""A request id, a log line and a metric for every request."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Generator
from contextvars import ContextVar
from functools import cache

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cartoon_avatar.contract import paths
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.headers import REQUEST_ID, SERVER_TIMING
from cartoon_avatar.http.problems import problem_response

log = structlog.get_logger()

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_REQUEST_ID_NAME = REQUEST_ID.lower().encode()
# Asked for every few seconds by probes: worth a metric, not a log line.
_QUIET_ROUTES = {paths.HEALTHZ, paths.READYZ, paths.METRICS}
_ROUTE = "logged_route"
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class InternalError(AvatarError):
    """An unexpected error; the log has it under the request id."""


class RequestLog:
    """ASGI middleware: a request id, a log line and a metric for every request.

    The log names the route's template, never the path: paths carry device ids and queries
    carry signatures. An untranslated exception becomes a 500 here.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        requests = Counter(
            "requests",
            "Requests that got a response",
            ["method", "route", "status"],
            registry=registry,
        )
        seconds = Histogram(
            "request_seconds",
            "From the request's head to the end of the response",
            ["route"],
            registry=registry,
        )
        # Looking up labels and logger takes longer than responding with a small picture.
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
        status: int = 0

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
                raise  # the response has begun: the server must cut the connection
            unexpected = InternalError("Something went wrong on our side; the log has the details.")
            await problem_response(request_id, unexpected)(scope, receive, send_stamped)
        finally:
            route = scope["state"].get(_ROUTE) or getattr(scope.get("route"), "path", "unmatched")
            took_s = time.perf_counter() - started
            # Clients can send any method; a label for each would fill memory.
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


def log_as(scope: Scope, template: str) -> None:
    """Name the route of a request that gets its response before routes are tried."""
    scope["state"][_ROUTE] = template


# Milliseconds by stage of the request at hand; empty ones add no header.
_stages: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


@contextlib.contextmanager
def stage(name: str) -> Generator[None]:
    """Time a stage of the request for its ``Server-Timing`` header."""
    started = time.perf_counter()
    try:
        yield
    finally:
        stages = _stages.get()
        if stages is not None:
            stages[name] = stages.get(name, 0) + (time.perf_counter() - started) * 1000


def _request_id_of(scope: Scope) -> str:
    wanted = dict(scope["headers"]).get(_REQUEST_ID_NAME, b"")
    return wanted.decode() if _REQUEST_ID.fullmatch(wanted) else secrets.token_hex(8)
