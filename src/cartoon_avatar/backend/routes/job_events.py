"""A job as a stream of server-sent events (HTML Standard, section 9.2)."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from fastapi import Response
from fastapi.responses import StreamingResponse

from cartoon_avatar.backend.db.tables import Job
from cartoon_avatar.backend.flows.job_views import View, Watcher
from cartoon_avatar.backend.routes.results import job_body
from cartoon_avatar.backend.state import State
from cartoon_avatar.contract.media_types import EVENT_STREAM

# More often than proxies close silent connections.
_HEARTBEAT_S = 15
_RETRY_MS = 2000
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


def event_stream(
    backend: State, watcher: Watcher, view: View, last_event_id: str | None
) -> Response:
    """Begins with the job as it is, unless that was the last event, and ends with its end."""
    if view.job.is_finished and last_event_id == _event_id(view.job, view.position):
        return Response(status_code=204)  # which keeps a browser from asking again
    events = _events(backend, watcher, view, last_event_id)
    return StreamingResponse(events, headers=_HEADERS, media_type=EVENT_STREAM)


async def _events(
    backend: State, watcher: Watcher, view: View, last_event_id: str | None
) -> AsyncIterator[str]:
    yield f"retry: {_RETRY_MS}\n\n"
    seen = last_event_id
    with watcher.watching(view) as watch:
        while True:
            job = watch.job
            if job is None:
                return  # deleted with its device
            event_id = _event_id(job, watch.position)
            if event_id != seen:
                seen = event_id
                shown = View(job, watch.position, watch.result)
                data = job_body(shown, backend).model_dump_json(exclude_none=True)
                yield f"id: {event_id}\nevent: job\ndata: {data}\n\n"
            if job.is_finished or watcher.is_stopping:
                return  # the client reconnects, to another process
            while not await watch.next(_HEARTBEAT_S):
                yield ": still here\n\n"


def _event_id(job: Job, position: int | None) -> str:
    """The event id: equal for equal states of a job, in every process."""
    seen = (job.state, job.attempts, job.stage, job.progress, job.cancel_asked, position)
    return f"{zlib.crc32(repr(seen).encode()):08x}"
