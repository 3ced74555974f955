"""The work of a POST request, carried out at once or accepted to be carried out later."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.client import ENGINE, CutOptions, DrawingOptions
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import jobs, queries, queue
from cartoon_avatar.backend.db.tables import Cartoon, Job, Kind, Original
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
from cartoon_avatar.backend.flows.cartoons import (
    new_id,
    require_quota,
    with_seed,
)
from cartoon_avatar.backend.flows.consents import may_leave
from cartoon_avatar.backend.flows.devices import Caller, introduce
from cartoon_avatar.backend.flows.disk_space import discarding, require_space
from cartoon_avatar.backend.flows.download import Downloaded, download, require_cartoon
from cartoon_avatar.backend.flows.photos import Photo, photo_file
from cartoon_avatar.backend.flows.regenerate import next_style, regenerate
from cartoon_avatar.backend.flows.sweep import JOBS_KEPT_FOR
from cartoon_avatar.backend.flows.upload import Uploaded, upload
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage.protocol import StoredFile

Result = Uploaded | Cartoon | Downloaded
# The queue of heads to be cut out.
HEADS = "heads"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The work of a POST request; ``subject`` is the id in its path."""

    kind: Kind
    subject: str
    options: DrawingOptions | CutOptions
    photo: Photo | None = None


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
    options = with_seed(options, None if key is None else _ai_key_of(device_id, key))
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


def new_job(
    device_id: str,
    job_request: JobRequest,
    engine: str,
    key: str | None,
    fingerprint: str,
    now: datetime,
) -> Job:
    photo = job_request.photo
    stored = None if photo is None else photo.stored
    return Job(
        id=new_id(),
        device_id=device_id,
        key=key,
        fingerprint=fingerprint,
        kind=job_request.kind,
        subject=job_request.subject,
        engine=engine,
        turn=0,
        options=_options_text(job_request.options),
        accepted=False,
        state="queued",
        stage=None,
        progress=None,
        cancel_asked=False,
        attempts=0,
        claim=None,
        lease_until=None,
        photo_path=None if stored is None else stored.key,
        photo_size=None if stored is None else stored.size_bytes,
        photo_type=None if photo is None else photo.mime_type,
        photo_sha256=None if stored is None else stored.sha256,
        original_id=job_request.subject if job_request.kind == "regenerate" else None,
        cartoon_id=None,
        face_id=None,
        status=None,
        with_token=False,
        error=None,
        created_at=now,
        started_at=None,
        finished_at=None,
    )


def ai_key(job: Job) -> str:
    """The key by which the AI service recognises a repeated drawing request: the job's id, or the
    device's own key, under which it repeats a request whose job died with its process."""
    return job.id if job.key is None else _ai_key_of(job.device_id, job.key)


def _ai_key_of(device_id: str, key: str) -> str:
    return hashlib.sha256(f"{device_id} {key}".encode()).hexdigest()[:32]


def new_claim() -> str:
    return secrets.token_hex(16)


def _options_text(options: DrawingOptions | CutOptions) -> str:
    given = {name: value for name, value in asdict(options).items() if value is not None}
    return json.dumps(given)


async def job_request_of(backend: State, job: Job) -> JobRequest:
    """The request of an accepted job, read back. Raises FileMissing where its photo is lost."""
    given: dict[str, Any] = json.loads(job.options)
    if job.kind == "download":
        return JobRequest(job.kind, job.subject, CutOptions(**given))
    photo = None
    if job.kind == "upload":
        assert job.photo_path is not None
        assert job.photo_size is not None
        assert job.photo_type is not None
        assert job.photo_sha256 is not None
        stored = StoredFile(job.photo_path, job.photo_size, job.photo_sha256)
        photo = Photo([await backend.storage.get(job.photo_path)], job.photo_type, stored)
    return JobRequest(job.kind, job.subject, DrawingOptions(**given), photo)


def result_of(connection: Connection, backend: State, job: Job) -> Result | None:
    """The result of a job that succeeded; None where it has been deleted or has expired."""
    device_id = job.device_id
    if job.kind == "download":
        face = queries.face_of(connection, device_id, job.face_id or "")
        return None if face is None else Downloaded(face, is_new=job.status == 201)
    cartoon = queries.cartoon_of(connection, device_id, job.cartoon_id or "")
    if job.kind == "regenerate" or cartoon is None:
        return cartoon
    original = queries.original_of(connection, device_id, job.original_id or "")
    if original is None:
        return None
    return Uploaded(original, cartoon, token_of(connection, backend, job))


def token_of(connection: Connection, backend: State, job: Job) -> str | None:
    """The device's token, where the job is what made the device known."""
    if not job.with_token:
        return None
    device = queries.device_of(connection, job.device_id)
    if device is None:
        return None
    return backend.signer.device_token(job.device_id, device.token_salt, device.token_hash)


async def first_upload_with(
    backend: State, device_id: str, key: str, fingerprint: str | None
) -> Job | None:
    """The job that gave the device its token, until the device has sent that token.

    For a phone that never received it and repeats the request: key and photo identify it. Before
    the photo is there (``fingerprint`` None) it says whether the photo is worth receiving.
    """

    def ask(connection: Connection) -> Job | None:
        device = queries.device_of(connection, device_id)
        if device is None or device.locked:
            return None
        job = jobs.job_with_key(connection, device_id, key)
        if job is None or not job.with_token or job.created_at < utc_now() - JOBS_KEPT_FOR:
            return None
        return job if fingerprint in (None, job.fingerprint) else None

    return await backend.database.read(ask)
