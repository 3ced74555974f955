"""How a job ends: with its result, cancelled, failed, or queued again for another attempt."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import jobs, queue
from cartoon_avatar.backend.db.tables import Cartoon, Job, JobState
from cartoon_avatar.backend.errors import (
    GenerationFailed,
    JobCanceled,
    JobFinished,
    NotFound,
    RequestRunning,
)
from cartoon_avatar.backend.flows.download import Downloaded
from cartoon_avatar.backend.flows.job_rows import Result, ai_key
from cartoon_avatar.backend.flows.sweep import ages_are_reliable
from cartoon_avatar.backend.flows.upload import Uploaded
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.contract.errors import AvatarError

log = structlog.get_logger()

# A job that was begun so often without an end probably crashes its process each time.
MOST_ATTEMPTS = 5
# How long a job is retried that neither succeeds nor fails: while the AI service or the bucket is
# unreachable, or the bucket refuses its photo.
_TRIED_FOR = timedelta(hours=24)
# Bounds of the pause before another attempt.
_SHORTEST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=10)
# Jobs ended in one transaction.
_BATCH = 200


def settle(connection: Connection, job: Job, result: Result) -> None:
    """Store the outcome of a job, in the transaction that adds its rows.

    Raises RequestRunning where the claim lapsed and another process took the job over,
    JobCanceled where the device cancelled it.
    """
    outcome: dict[str, Any] = {"status": 201}
    match result:
        case Uploaded(original, cartoon, token):
            outcome |= {"original_id": original.id, "cartoon_id": cartoon.id}
            outcome["with_token"] = job.with_token or token is not None
        case Cartoon():
            outcome |= {"original_id": result.original_id, "cartoon_id": result.id}
        case Downloaded(face, is_new):
            outcome |= {"face_id": face.id, "status": 201 if is_new else 200}
    if not queue.succeed(connection, job, utc_now(), **outcome):
        now = jobs.job_of(connection, job.device_id, job.id)
        if now is not None and now.cancel_asked:
            raise JobCanceled
        raise RequestRunning


def failure_in(text: str) -> AvatarError:
    """Reverses ``error_text``."""
    stored = json.loads(text)
    error = AvatarError(stored["detail"])
    error.status, error.code = stored["status"], stored["code"]
    return error


def error_text(error: AvatarError) -> str:
    return json.dumps({"status": error.status, "code": error.code, "detail": error.detail})


async def end(backend: State, job: Job, state: JobState, error: AvatarError) -> None:
    """End a job as failed or cancelled; its photo is deleted after the commit."""
    photo = await backend.database.write(
        partial(queue.end, job=job, state=state, now=utc_now(), error=error_text(error))
    )
    backend.changes.announce(job.id)
    if photo is not None:
        await backend.storage.delete([photo, keys.thumbnail_key(photo)])


async def cancel(backend: State, *, device_id: str, job_id: str) -> Job:
    """Cancel a queued job at once, a running one at its next safe point. Raises JobFinished."""
    while True:
        job = await job_of(backend, device_id=device_id, job_id=job_id)
        if job.is_finished:
            raise JobFinished(job.state)
        if job.state == "queued":
            await end(backend, job, "canceled", JobCanceled())
        else:
            await backend.database.write(partial(queue.ask_to_cancel, job=job))
            backend.changes.announce(job.id)
        job = await job_of(backend, device_id=device_id, job_id=job_id)
        # Unless it was claimed, put back or finished in between.
        if job.state == "canceled" or job.cancel_asked:
            return job


async def job_of(backend: State, *, device_id: str, job_id: str) -> Job:
    """Raises NotFound."""
    job = await backend.database.read(partial(jobs.job_of, device_id=device_id, job_id=job_id))
    if job is None:
        raise NotFound
    return job


async def abandon(backend: State, job: Job, error: BaseException) -> None:
    """Free the key of a failed request; a job accepted under it meanwhile fails with the reason."""
    reason = error if isinstance(error, AvatarError) else GenerationFailed()

    def release(connection: Connection) -> None:
        if not queue.forget_job(connection, job):
            queue.end(connection, job, "failed", utc_now(), error_text(reason))

    await backend.database.write(release)
    backend.changes.announce(job.id)


async def put_back(backend: State, job: Job, *, counts: bool, later: bool = False) -> None:
    """Queue a job again if its claim still holds; fail it after too many attempts. ``later``: let
    it pause for as long as it has been tried so far, so that pauses double."""
    to_delete: list[str] = []
    pause = timedelta(0)
    if later:
        tried_for = utc_now() - (job.started_at or job.created_at)
        pause = min(max(tried_for, _SHORTEST_PAUSE), _LONGEST_PAUSE)

    def change(connection: Connection) -> None:
        now = jobs.job_of(connection, job.device_id, job.id)
        if now is None or now.claim != job.claim:
            return
        if counts or now.cancel_asked:
            to_delete.extend(_retry_or_end(connection, now))
        else:
            queue.put_back(connection, now, counts=False, pause=pause)

    await backend.database.write(change)
    backend.changes.announce(job.id)
    await backend.storage.delete(to_delete)


async def recover(backend: State) -> None:
    """Queue jobs whose process died again, or end them with the reason."""
    to_delete: list[str] = []

    def recover_lapsed(connection: Connection) -> list[Job]:
        lapsed = queue.lapsed_jobs(connection)
        for job in lapsed:
            to_delete.extend(_retry_or_end(connection, job))
        return lapsed

    for job in await backend.database.write(recover_lapsed):
        backend.changes.announce(job.id)
        if job.cancel_asked:  # its process has died and cannot
            await backend.ai.cancel(ai_key(job))
    await backend.storage.delete(to_delete)


async def end_overdue(backend: State) -> None:
    """Fail queued jobs that are older than ``_TRIED_FOR``; not after the clock has jumped."""
    if not await ages_are_reliable(backend.settings):
        return
    created_before = utc_now() - _TRIED_FOR
    failure = error_text(GenerationFailed())

    def fail(connection: Connection) -> tuple[list[Job], list[str]]:
        overdue = queue.queued_before(connection, created_before, _BATCH)
        photos = [queue.end(connection, job, "failed", utc_now(), failure) for job in overdue]
        return overdue, [photo for photo in photos if photo is not None]

    while True:
        failed, photos = await backend.database.write(fail)
        for job in failed:
            backend.changes.announce(job.id)
        if failed:
            log.error("jobs_given_up", count=len(failed))
        await backend.storage.delete(
            key for photo in photos for key in (photo, keys.thumbnail_key(photo))
        )
        if len(failed) < _BATCH:
            return


def _retry_or_end(connection: Connection, job: Job) -> list[str]:
    """End a running job or queue it again; returns the files that no row names then."""
    state, error = _next_state_of(job)
    if state == "queued":
        queue.put_back(connection, job, counts=True)
        return []
    if error is None:
        queue.forget_job(connection, job)
        return []
    photo = queue.end(connection, job, state, utc_now(), error_text(error))
    return [] if photo is None else [photo, keys.thumbnail_key(photo)]


def _next_state_of(job: Job) -> tuple[JobState, AvatarError | None]:
    if job.cancel_asked:
        return "canceled", JobCanceled()
    if not job.accepted:  # no client knows of it
        return "failed", None
    lacks_photo = job.kind == "upload" and job.photo_path is None
    if lacks_photo or job.attempts >= MOST_ATTEMPTS:
        return "failed", GenerationFailed()
    return "queued", None
