"""Jobs of a device: listing, polling, streaming, cancelling."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.flows.job_ends import cancel
from cartoon_avatar.backend.flows.job_views import View, Watcher, list_jobs, view_of
from cartoon_avatar.backend.identity import Device
from cartoon_avatar.backend.routes.error_responses import ALWAYS, problems
from cartoon_avatar.backend.routes.job_events import event_stream
from cartoon_avatar.backend.routes.parameters import (
    DEFAULT_LIMIT,
    Backend,
    Cursor,
    Id,
    Limit,
    NoPageNumber,
    OnlyInState,
    WaitSeconds,
)
from cartoon_avatar.backend.routes.results import job_body
from cartoon_avatar.contract.media_types import EVENT_STREAM

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get(
    "",
    response_model=schemas.JobList,
    responses=problems(*ALWAYS),
    operation_id="listJobs",
    dependencies=[NoPageNumber],
)
async def list_of_jobs(
    backend: Backend,
    device: Device,
    state: OnlyInState = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """The device's jobs of the last day, newest first, so that an app finds its work again."""
    page = await list_jobs(backend, device_id=device, state=state, cursor=cursor, limit=limit)
    items = [job_body(view, backend) for view in page.rows]
    body = {"items": [_json(item) for item in items], "nextCursor": page.next_cursor}
    return JSONResponse(body, headers=_NO_STORE)


@router.get(
    "/{jobId}",
    response_model=schemas.Job,
    responses={
        200: {
            "description": "The job, or a stream of it: an event each time it has changed.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        },
        204: {"description": "The stream has been read to its end."},
        **problems(*ALWAYS, 404),
    },
    operation_id="getJob",
)
async def get_job(
    request: Request,
    backend: Backend,
    device: Device,
    jobId: Id,  # noqa: N803 (the contract's name, in the path)
    wait: WaitSeconds = 0,
    last_event_id: Annotated[str | None, Header(max_length=256)] = None,
) -> Response:
    """How far a job is, and its result; with `wait` once it has ended."""
    watcher: Watcher = request.state.watcher
    view = await view_of(backend, device_id=device, job_id=jobId)
    if EVENT_STREAM in request.headers.get("accept", ""):
        return event_stream(backend, watcher, view, last_event_id)
    if wait and not view.job.is_finished:
        await watcher.finished(view, wait)
        view = await view_of(backend, device_id=device, job_id=jobId)
    return _response(backend, view)


@router.delete(
    "/{jobId}",
    response_model=schemas.Job,
    responses={
        202: {"model": schemas.Job, "description": "Under way: it ends at its next safe point."},
        **problems(*ALWAYS, 404, 409),
    },
    operation_id="cancelJob",
)
async def cancel_job(
    backend: Backend,
    device: Device,
    jobId: Id,  # noqa: N803
) -> Response:
    """Cancel a job: at once if it waits, else at its next safe point; a finished one stays."""
    job = await cancel(backend, device_id=device, job_id=jobId)
    view = await view_of(backend, device_id=device, job_id=job.id)
    return _response(backend, view, 200 if job.is_finished else 202)


_NO_STORE = {"Cache-Control": "no-store"}


def _response(backend: Backend, view: View, status: int = 200) -> Response:
    return JSONResponse(_json(job_body(view, backend)), status, headers=_NO_STORE)


def _json(body: schemas.Job) -> dict[str, object]:
    return body.model_dump(mode="json", exclude_none=True)
