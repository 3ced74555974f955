"""For the people and machines that run the service."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db.jobs import depths
from cartoon_avatar.backend.errors import DatabaseBusy
from cartoon_avatar.backend.identity import Device
from cartoon_avatar.backend.routes.error_responses import ALWAYS, problems
from cartoon_avatar.backend.routes.parameters import Backend
from cartoon_avatar.backend.state import State
from cartoon_avatar.http.metrics import metrics_text

router = APIRouter()


@router.get(
    "/api/styles",
    response_model=schemas.StyleList,
    responses=problems(*ALWAYS, 500),
    operation_id="listStyles",
    tags=["originals"],
)
async def list_styles(backend: Backend, device: Device) -> schemas.StyleList:
    """The styles a cartoon can be drawn in."""
    until = backend.ai.deadline()
    styles = await backend.ai.styles(until=until)
    items = [schemas.Style.model_validate(style, from_attributes=True) for style in styles]
    stickers = not await backend.ai.is_original(until=until)
    return schemas.StyleList(items=items, next_cursor=None, stickers=stickers)


@router.get("/healthz", response_model=schemas.Health, operation_id="getHealth", tags=["health"])
async def get_health() -> schemas.Health:
    """Whether the process answers."""
    return schemas.Health(status="ok")


@router.get(
    "/readyz",
    response_model=schemas.Readiness,
    responses={503: {"model": schemas.Readiness, "description": "A part is missing; it is named."}},
    operation_id="getReadiness",
    tags=["health"],
)
async def get_readiness(backend: Backend) -> Response:
    """Whether every part answers; names those that do not."""
    database, storage, (ai, missing_models) = await asyncio.gather(
        _database_answers(backend), _storage_answers(backend), _ai_readiness(backend)
    )
    parts = {"database": database, "storage": storage, "ai": ai}
    missing = [name for name, there in parts.items() if not there]
    readiness = schemas.Readiness(
        status="not_ready" if missing else "ready", missing=missing, missing_models=missing_models
    )
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "5"} if missing else {})
    return JSONResponse(
        readiness.model_dump(by_alias=True), 503 if missing else 200, headers=headers
    )


@router.get("/metrics", operation_id="getMetrics", response_class=Response, tags=["health"])
async def get_metrics(backend: Backend) -> Response:
    """Prometheus metrics, of all workers of this backend."""
    free_bytes = await backend.storage.free_bytes()
    if free_bytes is not None:
        backend.metrics.free_bytes.set(free_bytes)
    await _measure_queue(backend)
    return Response(
        metrics_text(backend.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


async def _measure_queue(backend: State) -> None:
    metrics, now = backend.metrics, utc_now()
    try:
        found = await backend.database.read(depths)
    except (DBAPIError, DatabaseBusy, PoolTimeout, TimeoutError):
        return  # the others are worth having without it
    metrics.engines_seen.update(row.engine for row in found)
    for engine in metrics.engines_seen:
        for gauge in (metrics.jobs_waiting, metrics.jobs_running, metrics.oldest_job_seconds):
            gauge.labels(engine).set(0)
    for row in found:
        if row.state == "queued":
            metrics.jobs_waiting.labels(row.engine).set(row.count)
            waited_s = (now - row.oldest).total_seconds()
            metrics.oldest_job_seconds.labels(row.engine).set(waited_s)
        else:
            metrics.jobs_running.labels(row.engine).set(row.count)


async def _database_answers(backend: State) -> bool:
    try:
        async with asyncio.timeout(2):
            await backend.database.read(lambda connection: connection.scalar(text("SELECT 1")))
    except Exception:  # noqa: BLE001 (whatever it is, the database does not answer)
        return False
    return True


async def _storage_answers(backend: State) -> bool:
    try:
        async with asyncio.timeout(2):
            await backend.storage.check()
            free_bytes = await backend.storage.free_bytes()
    except Exception:  # noqa: BLE001 (whatever it is, the storage does not answer)
        return False
    return free_bytes is None or free_bytes >= backend.settings.min_free_bytes


async def _ai_readiness(backend: State) -> tuple[bool, list[str]]:
    try:
        async with asyncio.timeout(2):
            return await backend.ai.readiness()
    except TimeoutError:
        return False, []
