"""The AI service: the one place where things are built and wired."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from cartoon_avatar.ai import jobs, openapi
from cartoon_avatar.ai.engines.registry import Engines, open_engines, remote_configs
from cartoon_avatar.ai.engines.remote.config import EngineConfig
from cartoon_avatar.ai.engines.remote.engine import RemoteEngine, open_remote_engines
from cartoon_avatar.ai.fetching import open_fetcher
from cartoon_avatar.ai.pools.admission import Places
from cartoon_avatar.ai.pools.workers import Workers, open_workers
from cartoon_avatar.ai.routes import router
from cartoon_avatar.ai.seeing.model_files import lacking, models_folder
from cartoon_avatar.ai.settings import AiSettings, environment, settings_from_environment
from cartoon_avatar.ai.signing import Sign, open_signer
from cartoon_avatar.ai.state import Metrics, State
from cartoon_avatar.contract.limits import FORM_OVERHEAD_BYTES
from cartoon_avatar.http.body_limit import BodyLimit
from cartoon_avatar.http.head import HeadAsGet
from cartoon_avatar.http.problems import render_problems
from cartoon_avatar.http.request_log import RequestLog
from cartoon_avatar.process import heap
from cartoon_avatar.process.lifetime import exit_with_parent
from cartoon_avatar.process.logs import configure_logs
from cartoon_avatar.process.server import freeze_what_is_loaded

log = structlog.get_logger()

# While a model file is missing.
_LOOK_FOR_MODELS_S = 1


def create_app(settings: AiSettings, *, threads: int | None = None) -> FastAPI:
    """Build and wire the AI service; its workers start with its lifespan.

    ``threads`` is what each worker may use, by default the cores that the workers leave over.
    """
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    # Judged before a server listens.
    generators = remote_configs(settings.engines, models_folder(settings.models_dir), environment())
    sign = None if settings.identity is None else open_signer(settings.identity)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, State]]:
        async with _opened(settings, threads, generators, metrics, sign) as state:
            yield {"ai": state}

    app = FastAPI(
        title="cartoon-avatar AI service",
        summary="Draws cartoons of portraits and cuts heads out of them. It stores nothing.",
        version=version("cartoon-avatar"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # RequestLog counts.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.include_router(router)
    render_problems(app)
    app.add_middleware(HeadAsGet)
    # Two pictures at most in a request, a cartoon and its original; routes that take one
    # count again.
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_upload_bytes,
        overhead_bytes=settings.max_upload_bytes + FORM_OVERHEAD_BYTES,
    )
    app.add_middleware(RequestLog, registry=registry)
    # pyrefly: ignore[method-assign] (FastAPI's documented way)
    app.openapi = partial(openapi.described, app)
    return app


@asynccontextmanager
async def _opened(
    settings: AiSettings,
    threads: int | None,
    generators: list[EngineConfig],
    metrics: Metrics,
    sign: Sign | None,
) -> AsyncGenerator[State]:
    """Everything that the AI service uses, open."""
    folder = models_folder(settings.models_dir)
    open_tools = partial(
        jobs.open_tools,
        settings.models_dir,
        threads or settings.threads,
        settings.max_pixels,
        settings.marks == "on",
    )
    async with (
        open_fetcher(
            settings.trusted_origins,
            max_bytes=settings.max_upload_bytes,
            timeout_s=settings.fetch_timeout_s,
        ) as fetcher,
        open_workers(
            open_tools,
            size=settings.workers,
            queue=settings.queue,
            timeout_s=settings.task_timeout_s,
            log_level=settings.log_level,
            log_format=settings.log_format,
        ) as workers,
        open_remote_engines(generators, environment(), settings.data_dir) as remote,
    ):
        metrics.watch(workers)
        engines = open_engines(folder, 1, settings.workers)
        places = _places(settings, engines, remote)
        renewing = asyncio.create_task(_renew_when_models_come(workers, folder))
        try:
            yield State(settings, workers, engines, remote, places, fetcher, metrics, sign)
        finally:
            renewing.cancel()


def _places(
    settings: AiSettings, engines: Engines, remote: Sequence[RemoteEngine]
) -> dict[str, Places]:
    """By the name of each engine that admits requests by itself."""
    places = {
        engine.facts.name: Places(
            engine.facts.places,
            queue=settings.queue // 2,
            expected_s=engine.facts.expected_s,
            wait_s=engine.facts.deadline_s or settings.task_timeout_s,
        )
        for engine in engines.all
        if engine.facts.places is not None
    }
    for config in (engine.config for engine in remote):
        # A request that waited twice as long as expected is refused.
        wait_s = 2 * config.expected_s * (1 + config.queue / config.places)
        places[config.name] = Places(config.places, config.queue, config.expected_s, wait_s)
    return places


async def _renew_when_models_come(workers: Workers, folder: Path) -> None:
    """After `models fetch` beside a running service, restart workers that lacked a file."""
    judged: object = None
    while True:
        await asyncio.sleep(_LOOK_FOR_MODELS_S)
        without = {name for worker in workers.ready for name in worker.greeting}
        if not without:
            continue
        found = [_written(folder / name) for name in sorted(without)]
        if found == judged:  # a file is read from end to end once, not every second
            continue
        judged = found
        missing = {file.name for file in await asyncio.to_thread(lacking, folder)}
        if without - missing:
            log.info("models_came", files=sorted(without - missing))
            await workers.renew()


def _written(file: Path) -> tuple[int, int] | None:
    """Changes whenever the file is written anew; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def from_environment() -> FastAPI:
    """What ``server.from_environment`` gives an ASGI server."""
    settings = settings_from_environment()
    configure_logs("ai", settings.log_level, log_format=settings.log_format)
    if multiprocessing.parent_process() is not None:  # a server's worker, not the server
        exit_with_parent()
    # A few photos in the pieces they come in; their workers keep what drawings need.
    heap.retain_freed(8 * 2**20, largest_bytes=2**20)
    app = create_app(settings)
    freeze_what_is_loaded()
    return app
