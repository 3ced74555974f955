"""What a job's row keeps of its request, and the result that it leads to."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.requests import CutOptions, DrawingOptions
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.tables import Cartoon, Job, Kind
from cartoon_avatar.backend.flows.cartoons import new_id
from cartoon_avatar.backend.flows.download import Downloaded
from cartoon_avatar.backend.flows.photos import Photo
from cartoon_avatar.backend.flows.upload import Uploaded
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage.protocol import StoredFile

Result = Uploaded | Cartoon | Downloaded


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The work of a POST request; ``subject`` is the id in its path."""

    kind: Kind
    subject: str
    options: DrawingOptions | CutOptions
    photo: Photo | None = None


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
    return job.id if job.key is None else ai_key_of(job.device_id, job.key)


def ai_key_of(device_id: str, key: str) -> str:
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
