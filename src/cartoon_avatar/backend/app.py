"""The backend: the one place where things are built and wired."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import aiohttp
import structlog
from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import ClientDisconnect

from cartoon_avatar.backend import openapi
from cartoon_avatar.backend.ai.client import open_ai
from cartoon_avatar.backend.changes import Changes
from cartoon_avatar.backend.db.jobs import CHANNEL
from cartoon_avatar.backend.db.listen import listen
from cartoon_avatar.backend.db.migrate import migrate
from cartoon_avatar.backend.db.session import is_busy, is_full, open_database
from cartoon_avatar.backend.errors import DatabaseBusy, InsufficientStorage, StorageUnavailable
from cartoon_avatar.backend.flows.disk_space import take_ballast
from cartoon_avatar.backend.flows.job_ends import end_overdue
from cartoon_avatar.backend.flows.job_views import Watcher
from cartoon_avatar.backend.flows.sweep import sweep
from cartoon_avatar.backend.metrics import Metrics
from cartoon_avatar.backend.moderation import open_moderation
from cartoon_avatar.backend.routes import (
    consents,
    device,
    faces,
    files,
    health,
    jobs,
    original_api,
    originals,
    page,
    previews,
    reports,
)
from cartoon_avatar.backend.runner import Runner
from cartoon_avatar.backend.settings import BackendSettings, settings_from_environment
from cartoon_avatar.backend.signing import Signer, load_or_make_key
from cartoon_avatar.backend.spool import Memory
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage.local import NO_ROOM, NOT_NOW
from cartoon_avatar.backend.storage.open import open_storage
from cartoon_avatar.http.body_limit import BodyLimit
from cartoon_avatar.http.head import HeadAsGet
from cartoon_avatar.http.problems import on_error, problem_response, render_problems
from cartoon_avatar.http.request_log import RequestLog
from cartoon_avatar.process import heap
from cartoon_avatar.process.lifetime import exit_with_parent
from cartoon_avatar.process.logs import configure_logs
from cartoon_avatar.process.server import freeze_what_is_loaded
from cartoon_avatar.process.stopping import call_at_sigterm

log = structlog.get_logger()

# A database that is busy, or a bucket out of reach, may be back soon.
_SWEEP_AGAIN_S = 60
_PASSING = (TimeoutError, DatabaseBusy, StorageUnavailable)


def create_app(
    settings: BackendSettings, *, ai_session: aiohttp.ClientSession | None = None
) -> FastAPI:
    """Build and wire the backend. A test's ``ai_session`` answers for the AI service."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Any]]:
        async with _opened(settings, metrics, ai_session) as state, _at_work(state) as work:
            yield {"backend": state, **work}

    app = FastAPI(
        title="cartoon-avatar",
        summary="Keeps portraits, has cartoons drawn of them, and the head cut out of the one"
        " you pick.",
        version=version("cartoon-avatar"),
        # routes/page.py serves a reference that loads nothing from elsewhere.
        docs_url=None,
        openapi_url="/openapi.json" if settings.api_dialect == "ours" else None,
        redoc_url=None,
        lifespan=lifespan,
        # A redirect would be made of the Host header.
        redirect_slashes=False,
        # Spans and metrics of its own would carry paths, which name devices; RequestLog counts.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    _add_routes(app, settings)
    render_problems(app)
    on_error(app, DBAPIError, _database_failed)
    on_error(app, PoolTimeout, _database_failed)
    on_error(app, TimeoutError, _timed_out)
    on_error(app, OSError, _disk_failed)
    on_error(app, ClientDisconnect, _client_gone)
    _add_middleware(app, settings, registry)
    # pyrefly: ignore[method-assign] (FastAPI's documented way)
    app.openapi = partial(openapi.described, app)
    return app


@asynccontextmanager
async def _opened(
    settings: BackendSettings, metrics: Metrics, ai_session: aiohttp.ClientSession | None
) -> AsyncGenerator[State]:
    """Everything that the backend uses, open."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    signing_keys = settings.signing_keys or [load_or_make_key(settings.signing_key_file)]
    public_url = str(settings.public_url) if settings.public_url else None
    await to_thread.run_sync(take_ballast, settings.data_dir)
    async with (
        open_database(settings.database, settings.database_timeout_s) as database,
        open_ai(settings.ai_url, settings.ai_timeout_s, metrics, ai_session) as ai,
        open_moderation(settings) as moderation,
    ):
        if settings.migrate_on_start:
            await migrate(database)
        yield State(
            settings=settings,
            database=database,
            storage=open_storage(settings),
            ai=ai,
            signer=Signer(signing_keys, public_url),
            limiter=FixedWindowRateLimiter(MemoryStorage()),
            metrics=metrics,
            memory=Memory(),
            changes=Changes(),
            moderation=moderation,
        )


@asynccontextmanager
async def _at_work(state: State) -> AsyncGenerator[dict[str, Any]]:
    """The tasks in the background, and what routes may ask of them."""
    runner, watcher = Runner(state), Watcher(state)
    tasks = [
        asyncio.create_task(work)
        for work in (
            _sweep_regularly(state),
            runner.run(),
            watcher.run(),
            listen(state.database, CHANNEL, state.changes.announce),
        )
    ]

    def before_the_end() -> None:
        runner.stop_claiming()
        watcher.stop()

    if multiprocessing.parent_process() is not None:  # a server's worker
        call_at_sigterm(before_the_end)
    try:
        yield {"runner": runner, "watcher": watcher}
    finally:
        await runner.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _add_routes(app: FastAPI, settings: BackendSettings) -> None:
    dialect = [original_api.router] if settings.api_dialect == "original" else []
    for router in (
        *dialect,  # whose paths come before ours
        files.router,  # requested most often, and routers are tried in turn
        originals.router,
        previews.router,
        faces.router,
        jobs.router,
        consents.router,
        device.router,
        reports.router,
        health.router,
    ):
        app.include_router(router)
    if not dialect:  # which neither page nor reference speaks
        app.include_router(page.router)
        page.mount(app)


def _add_middleware(app: FastAPI, settings: BackendSettings, registry: CollectorRegistry) -> None:
    """The last one added meets a request first."""
    app.add_middleware(HeadAsGet, except_below="/uploads/")
    app.add_middleware(originals.RefusedUploads)  # whose bodies are left to the next
    app.add_middleware(BodyLimit, max_bytes=settings.max_upload_bytes)
    app.add_middleware(files.SignedFiles)  # which leaves bodies to it
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Last-Event-ID",
                "Prefer",
                "X-Device-Id",
            ],
            expose_headers=[
                "Idempotency-Replayed",
                "Location",
                "Preference-Applied",
                "Retry-After",
                "X-Request-Id",
            ],
        )
    app.add_middleware(RequestLog, registry=registry)
    if settings.api_dialect == "original":
        app.add_middleware(original_api.OriginalDialect)


def from_environment() -> FastAPI:
    """The factory that an ASGI server is given."""
    settings = settings_from_environment()
    configure_logs("backend", settings.log_level, log_format=settings.log_format)
    if multiprocessing.parent_process() is not None:  # a server's worker, not the server
        exit_with_parent()
    heap.retain_freed(16 * 2**20, largest_bytes=16 * 2**20)  # what photos that wait in memory take
    app = create_app(settings)
    freeze_what_is_loaded()
    return app


async def _sweep_regularly(state: State) -> None:
    while True:
        pause_s = state.settings.sweep_interval_s
        try:
            await end_overdue(state)  # first, since nothing is swept while the storage is away
            swept = await sweep(state.database, state.storage, state.settings)
            state.metrics.swept.labels("expired_cartoons").inc(swept.expired_cartoons)
            state.metrics.swept.labels("unowned_files").inc(swept.unowned_files)
        except Exception as error:
            task = asyncio.current_task()
            if task and task.cancelling():  # which a driver may report as an error of its own
                return
            if isinstance(error, _PASSING) or is_busy(error):
                log.warning("sweep_postponed", reason=type(error).__name__)
                pause_s = min(_SWEEP_AGAIN_S, pause_s)
            else:
                log.exception("sweep_failed")
        await asyncio.sleep(pause_s)


async def _timed_out(request: Request, error: TimeoutError) -> Response:
    """Only the database driver raises a bare TimeoutError."""
    return problem_response(request.state.request_id, DatabaseBusy())


async def _database_failed(request: Request, error: DBAPIError | PoolTimeout) -> Response:
    """Lock waits, lost connections and full disks are expected; anything else is our fault."""
    if is_full(error):
        return problem_response(request.state.request_id, InsufficientStorage())
    if is_busy(error):
        return problem_response(request.state.request_id, DatabaseBusy())
    raise error


async def _disk_failed(request: Request, error: OSError) -> Response:
    """Where uploads wait while they come in: no room, no descriptor, or a disk that fails; the
    storage speaks for itself."""
    if error.errno in NO_ROOM:
        return problem_response(request.state.request_id, InsufficientStorage())
    if error.errno in NOT_NOW:
        log.error("disk_failed", error=error.strerror)
        return problem_response(request.state.request_id, StorageUnavailable())
    raise error


async def _client_gone(request: Request, error: ClientDisconnect) -> Response:
    # The client is gone; 499 is what servers log for that.
    return Response(status_code=499)
