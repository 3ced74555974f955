"""The work of a POST request: carried out at once, or accepted as a job for later."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.requests import CutOptions, DrawingOptions
from cartoon_avatar.backend.ai.styles import ENGINE
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import jobs, queries, queue
from cartoon_avatar.backend.db.tables import Job, Original
from cartoon_avatar.backend.errors import (
    AiUnavailable,
    GenerationFailed,
    InvalidStyle,
    KeyReused,
    NotFound,
    QueueFull,
    RequestRunning,
    TooManyJobs,
)
from cartoon_avatar.backend.flows.attempt import Attempt
from cartoon_avatar.backend.flows.cartoons import require_quota, with_seed
from cartoon_avatar.backend.flows.consents import may_leave
from cartoon_avatar.backend.flows.devices import Caller, introduce
from cartoon_avatar.backend.flows.disk_space import require_space
from cartoon_avatar.backend.flows.download import download, require_cartoon
from cartoon_avatar.backend.flows.job_rows import (
    JobRequest,
    Result,
    ai_key_of,
    new_claim,
    new_job,
)
from cartoon_avatar.backend.flows.new_files import discarding
from cartoon_avatar.backend.flows.photos import photo_file
from cartoon_avatar.backend.flows.regenerate import next_style, regenerate
from cartoon_avatar.backend.flows.sweep import JOBS_KEPT_FOR
from cartoon_avatar.backend.flows.upload import upload
from cartoon_avatar.backend.state import State

# The queue of heads to be cut out.
HEADS = "heads"


async def carry_out(
    backend: State, caller: Caller, job_request: JobRequest, attempt: Attempt
) -> Result:
    options = job_request.options
    if isinstance(options, CutOptions):
        return await download(backend, caller, job_request.subject, options, attempt)
    if job_request.photo is not None:
        return await upload(backend, caller, job_request.photo, options, attempt)
    return await regenerate(backend, caller, job_request.subject, options, attempt)


async def accept(
    backend: State, caller: Caller, job_request: JobRequest, key: str | None, fingerprint: str
) -> tuple[Job, bool]:
    """Accept a request as a job: on return photo and job are durable.

    If the device already has a job under ``key``, that job is returned; the second value is True
    for a new job.
    """
    device_id = caller.device_id
    if key is not None:
        earlier = await _accepted_before(backend, device_id, key, fingerprint)
        if earlier is not None:
            return earlier, False
    await backend.database.read(partial(_require_room, backend=backend, device_id=device_id))
    if job_request.kind != "download":
        require_quota(caller.live_cartoons, backend.settings.max_live_cartoons)
    await require_space(backend.database, backend.storage, backend.settings)
    job_request = await _resolved(backend, device_id, job_request, key)
    engine = await _engine_of(backend, job_request.options)
    if isinstance(job_request.options, DrawingOptions) and engine != ENGINE:
        # Checked again when its turn comes: a consent may have been withdrawn.
        await may_leave(backend, device_id, job_request.options.style, backend.ai.deadline())

    now = utc_now()
    async with discarding(backend.storage) as new_files:
        if job_request.photo is not None and job_request.photo.stored is None:
            new_file = photo_file(job_request.photo, device_id, now)
            (stored,) = await backend.storage.put_new(new_file)
            new_files.append(stored.key)
            job_request = replace(job_request, photo=replace(job_request.photo, stored=stored))
        job = new_job(device_id, job_request, engine, key, fingerprint, now)
        job.accepted = True

        def add(connection: Connection) -> bool:
            _require_room(connection, backend, device_id)
            if job_request.kind == "upload":
                token = introduce(connection, backend.signer, device_id, now)
                job.with_token = token is not None
            if job.kind == "download":
                cartoon = queries.cartoon_of(connection, device_id, job.subject)
                job.original_id = None if cartoon is None else cartoon.original_id
            job.turn = queue.next_turn(connection, device_id, engine)
            return jobs.add_job(connection, job)

        added = await backend.database.write(add)
    if not added:
        # Another process accepted the same key at the same time.
        await backend.storage.delete(new_files)
        assert key is not None
        earlier = await _accepted_before(backend, device_id, key, fingerprint)
        if earlier is None:
            raise RequestRunning
        return earlier, False
    backend.changes.announce(job.id)
    return job, True


async def claim(
    backend: State, device_id: str, job_request: JobRequest, key: str, fingerprint: str
) -> Job:
    """A job that the caller carries out at once, or the one that has succeeded under ``key``.

    Raises KeyReused for another request under the key and RequestRunning while that job runs.
    """
    engine = await _engine_of(backend, job_request.options, fetch=False)
    job = new_job(device_id, job_request, engine, key, fingerprint, utc_now())
    job.state, job.claim, job.attempts, job.started_at = "running", new_claim(), 1, job.created_at

    def add(connection: Connection) -> Job:
        queue.remove_outlived(connection, device_id, key, job.created_at - JOBS_KEPT_FOR)
        if jobs.add_job(connection, job):
            queue.lease(connection, job)
            return job
        earlier = jobs.job_with_key(connection, device_id, key)
        if earlier is None:
            raise RequestRunning
        _require_same(earlier, fingerprint)
        if not earlier.is_finished:
            raise RequestRunning
        return earlier

    return await backend.database.write(add)


async def _accepted_before(
    backend: State, device_id: str, key: str, fingerprint: str
) -> Job | None:
    def find(connection: Connection) -> Job | None:
        queue.remove_outlived(connection, device_id, key, utc_now() - JOBS_KEPT_FOR)
        earlier = jobs.job_with_key(connection, device_id, key)
        if earlier is not None:
            _require_same(earlier, fingerprint)
            if not earlier.accepted:
                jobs.accept(connection, earlier)
        return earlier

    return await backend.database.write(find)


def _require_same(earlier: Job, fingerprint: str) -> None:
    if earlier.fingerprint != fingerprint:
        raise KeyReused


def _require_room(connection: Connection, backend: State, device_id: str) -> None:
    settings = backend.settings
    if jobs.unfinished_jobs(connection, device_id) >= settings.max_device_jobs:
        raise TooManyJobs(settings.max_device_jobs)
    if jobs.waiting_jobs(connection) >= settings.max_queued_jobs:
        raise QueueFull


async def _resolved(
    backend: State, device_id: str, job_request: JobRequest, key: str | None
) -> JobRequest:
    """The request with style and seed chosen: two attempts draw the same. Raises NotFound."""
    options = job_request.options
    if isinstance(options, CutOptions):
        await backend.database.read(
            partial(require_cartoon, device_id=device_id, cartoon_id=job_request.subject)
        )
        return job_request
    options = with_seed(options, None if key is None else ai_key_of(device_id, key))
    if job_request.kind == "regenerate":
        original_id = job_request.subject
        find = partial(queries.original_of, device_id=device_id, original_id=original_id)
        original = await backend.database.read(find)
        if original is None:
            raise NotFound
        options = await _with_style(backend, original, options)
    return replace(job_request, options=options)


async def _with_style(
    backend: State, original: Original, options: DrawingOptions
) -> DrawingOptions:
    if options.style is not None:
        await backend.database.write(
            partial(queries.set_last_style, original_id=original.id, style=options.style)
        )
        return replace(options, style_noted=True)
    try:
        until = backend.ai.deadline()
        style = await next_style(backend.database, backend.ai, original, until)
    except (AiUnavailable, GenerationFailed):
        return options  # the style is then chosen when the job runs
    return replace(options, style=style, style_noted=True)


async def _engine_of(
    backend: State, options: DrawingOptions | CutOptions, *, fetch: bool = True
) -> str:
    """The engine whose queue it joins. Raises InvalidStyle if the AI service has no such style."""
    if isinstance(options, CutOptions):
        return HEADS
    styles = backend.ai.known_styles
    if fetch:
        try:
            styles = await backend.ai.styles(until=backend.ai.deadline())
        except (AiUnavailable, GenerationFailed):
            return ENGINE
    for style in styles:
        if options.style in (None, style.name):
            return style.engine
    if fetch:
        raise InvalidStyle(f"There is no style {options.style!r}; GET /api/styles lists them.")
    return ENGINE


async def first_upload_with(
    backend: State, device_id: str, key: str, fingerprint: str | None
) -> Job | None:
    """The job that gave the device its token, until the device has sent that token.

    For a phone that never received it and repeats the request: key and photo identify it. Before
    the photo is there (``fingerprint`` None) it says whether the photo is worth receiving.
    """

    def find(connection: Connection) -> Job | None:
        device = queries.device_of(connection, device_id)
        if device is None or device.locked:
            return None
        job = jobs.job_with_key(connection, device_id, key)
        if job is None or not job.with_token or job.created_at < utc_now() - JOBS_KEPT_FOR:
            return None
        return job if fingerprint in (None, job.fingerprint) else None

    return await backend.database.read(find)
