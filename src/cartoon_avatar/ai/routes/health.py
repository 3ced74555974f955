"""Whether pictures can be made, for probes and monitoring."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from cartoon_avatar.ai.routes.requests import state_of
from cartoon_avatar.contract import paths

router = APIRouter()


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether pictures can be made, and what is missing."""

    status: Literal["ready", "degraded", "starting", "not_ready"]
    workers: int = Field(description="Workers that are warm.")
    workers_wanted: int = Field(serialization_alias="workersWanted")
    missing: list[str] = Field(description="What is not there: model files, workers.")
    fallback: str | None = Field(description="What is done without it.")
    neural: list[str] = Field(description="Neural styles that can be drawn in beside our own.")


@router.get(paths.HEALTHZ, operation_id="health")
async def health() -> Health:
    """The process answers."""
    return Health()


@router.get(paths.READYZ, operation_id="readiness")
async def readiness(request: Request, response: Response) -> Readiness:
    """Whether pictures can be made: 503 until a worker is warm and can find faces."""
    ai = state_of(request)
    workers = ai.workers
    ready = sorted(workers.ready, key=id)
    models = sorted({name for worker in ready for name in worker.greeting})
    missing = models + (["workers"] if len(ready) < workers.size else [])
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
        status: Literal["ready", "degraded", "starting", "not_ready"] = "starting"
    elif any(name.startswith("face_") for name in models):
        response.status_code = 503
        response.headers["Retry-After"] = "5"
        status = "not_ready"
    else:
        status = "degraded" if models else "ready"
    return Readiness(
        status=status,
        workers=len(ready),
        workers_wanted=workers.size,
        missing=missing,
        fallback=_fallback(models),
        neural=[
            style.name
            # In a thread: a file that was not seen before is read from end to end.
            for engine, style in await asyncio.to_thread(ai.engines.styles)
            if engine is not ai.engines.all[0]
        ],
    )


def _fallback(missing: list[str]) -> str | None:
    if not missing:
        return None
    if any(name.startswith("face_") for name in missing):
        return "Nothing: faces cannot be found, so cartoons are not drawn and heads not cut."
    return "Heads are cut by the landmarks of the face, hair less exactly."


@router.get(paths.METRICS, operation_id="metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    registry = state_of(request).metrics.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
