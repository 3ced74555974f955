"""The response to a POST: the result, a repeated result, or 202 for a job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from anyio import to_thread
from fastapi import Request, Response
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.ai.requests import Turn
from cartoon_avatar.backend.db import jobs
from cartoon_avatar.backend.db.tables import Job
from cartoon_avatar.backend.errors import JobCanceled, NotFound, Unauthorized
from cartoon_avatar.backend.flows.attempt import Attempt
from cartoon_avatar.backend.flows.devices import Caller
from cartoon_avatar.backend.flows.job_ends import failure_in
from cartoon_avatar.backend.flows.job_rows import JobRequest, Result, token_of
from cartoon_avatar.backend.flows.job_views import View, Watcher, view_in
from cartoon_avatar.backend.flows.jobs import accept, carry_out, claim, first_upload_with
from cartoon_avatar.backend.identity import admitted, bearer_of
from cartoon_avatar.backend.limits import limit_device
from cartoon_avatar.backend.routes.post import Post, fingerprint_of
from cartoon_avatar.backend.routes.preferences import Preference, preference_in
from cartoon_avatar.backend.routes.results import created, job_body
from cartoon_avatar.backend.runner import Runner
from cartoon_avatar.backend.state import State

REPLAYED = "Idempotency-Replayed"


async def respond(
    request: Request,
    backend: State,
    post: Post,
    read_job_request: Callable[[], Awaitable[JobRequest]],
    *,
    may_respond_async: bool = True,
) -> Response:
    """Carry out what ``read_job_request`` reads, once however often it is sent with its key.

    Raises Unauthorized.
    """
    preference = preference_in(request) if may_respond_async else Preference()
    fingerprint = ""
    if post.key is not None:
        fingerprint = await to_thread.run_sync(fingerprint_of, request, post)
    try:
        caller = await admitted(request, backend, post.device_id, first=post.is_upload)
    except Unauthorized:
        # The response that brought the token may never have reached the device.
        if not post.is_upload or post.key is None or bearer_of(request) is not None:
            raise
        earlier = await first_upload_with(backend, post.device_id, post.key, fingerprint)
        if earlier is None:
            raise
        return await _repeated(backend, earlier, preference)
    await limit_device(backend, post.device_id)

    job_request = await read_job_request()
    if preference.respond_async:
        job, is_new = await accept(backend, caller, job_request, post.key, fingerprint)
        return await _response_to_job(request, backend, job, preference, is_new=is_new)
    if post.key is None:
        result = await _while_connected(request, backend, caller, job_request)
    else:
        job = await claim(backend, post.device_id, job_request, post.key, fingerprint)
        if job.is_finished:
            return await _repeated(backend, job, preference)
        runner: Runner = request.state.runner
        # A client with a key will repeat the request, so the work goes on without it.
        result = await asyncio.shield(runner.carry_out(job, caller, job_request))
    return _response(*created(result, backend))


def _response(status: int, body: schemas.Body, **headers: str) -> Response:
    # A token is returned only once; null would read like "no token needed".
    content = body.model_dump_json(exclude_none=True)
    headers["Cache-Control"] = "no-store"
    return Response(content, status, headers, media_type="application/json")


async def _while_connected(
    request: Request, backend: State, caller: Caller, job_request: JobRequest
) -> Result:
    """Run the request; cancel it when the client disconnects."""
    attempt = Attempt(Turn(caller.device_id, backend.ai.deadline()))

    async def cancel_when_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        attempt.cancel()

    watching = asyncio.create_task(cancel_when_gone())
    try:
        return await carry_out(backend, caller, job_request, attempt)
    except JobCanceled as error:
        raise ClientDisconnect from error
    finally:
        watching.cancel()


async def _repeated(backend: State, job: Job, preference: Preference) -> Response:
    """The response to the first request with the key, rendered from its rows again."""
    view, token = await _current(backend, job)
    if not view.job.is_finished:
        return _accepted(backend, view, token, preference, **{REPLAYED: "true"})
    return _response(*_outcome(backend, view), **{REPLAYED: "true"})


async def _response_to_job(
    request: Request, backend: State, job: Job, preference: Preference, *, is_new: bool
) -> Response:
    """The result, if it is there within the wait, else 202 with the job's location."""
    watcher: Watcher = request.state.watcher
    view, token = await _current(backend, job)
    if preference.wait_s and not view.job.is_finished:
        await watcher.finished(view, preference.wait_s)
        view, token = await _current(backend, job)
    headers = {} if is_new else {REPLAYED: "true"}
    if not view.job.is_finished:
        return _accepted(backend, view, token, preference, **headers)
    headers["Preference-Applied"] = preference.applied
    return _response(*_outcome(backend, view), **headers)


async def _current(backend: State, job: Job) -> tuple[View, str | None]:
    """The job as it is now, and the token of a device that it made known."""

    def read(connection: Connection) -> tuple[View, str | None]:
        now = jobs.job_of(connection, job.device_id, job.id)
        if now is None:
            raise NotFound
        return view_in(connection, backend, now), token_of(connection, backend, now)

    return await backend.database.read(read)


def _outcome(backend: State, view: View) -> tuple[int, schemas.Body]:
    """Status and body of the job's result. Raises the error that it failed with."""
    if view.result is not None:
        return created(view.result, backend)
    if view.job.error is None:  # the result has been deleted, or has expired
        raise NotFound
    raise failure_in(view.job.error)


def _accepted(
    backend: State, view: View, token: str | None, preference: Preference, **headers: str
) -> Response:
    body = schemas.JobAccepted(job=job_body(view, backend), device_token=token)
    if preference.respond_async:
        headers["Preference-Applied"] = preference.applied
    return _response(202, body, Location=f"/api/jobs/{view.job.id}", **headers)
