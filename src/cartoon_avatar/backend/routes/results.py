"""Bodies of responses, from the results of flows."""

from __future__ import annotations

import json

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.db.tables import Cartoon
from cartoon_avatar.backend.flows.download import Downloaded
from cartoon_avatar.backend.flows.job_rows import Result
from cartoon_avatar.backend.flows.job_views import View
from cartoon_avatar.backend.flows.sweep import JOBS_KEPT_FOR
from cartoon_avatar.backend.flows.upload import Uploaded
from cartoon_avatar.backend.state import State


def created(result: Result, backend: State) -> tuple[int, schemas.Body]:
    """Status and body of the response to a POST."""
    match result:
        case Uploaded(original, cartoon, device_token):
            return 201, schemas.UploadCreated(
                original=schemas.Original.of(original, backend.signer),
                cartoon=cartoon_body(cartoon, backend),
                faces=schemas.PhotoFace.all_of(original),
                device_token=device_token,
            )
        case Downloaded(face, is_new):
            body = schemas.FaceCreated(face=schemas.Face.of(face, backend.signer))
            return 201 if is_new else 200, body
    return 201, schemas.CartoonCreated(cartoon=cartoon_body(result, backend))


def cartoon_body(row: Cartoon, backend: State) -> schemas.Cartoon:
    return schemas.Cartoon.of(row, backend.signer, backend.settings.cartoon_ttl_s)


def job_body(view: View, backend: State) -> schemas.Job:
    job = view.job
    result = None
    if view.result is not None:
        _, body = created(view.result, backend)
        made = {name: getattr(body, name) for name in type(body).model_fields}
        result = schemas.JobResult(**made)
    return schemas.Job(
        id=job.id,
        kind=job.kind,
        state=job.state,
        stage=job.stage,
        progress=job.progress,
        position=view.position,
        original_id=job.original_id,
        cartoon_id=job.subject if job.kind == "download" else None,
        engine=job.engine,
        style=json.loads(job.options).get("style"),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=None if job.finished_at is None else job.finished_at + JOBS_KEPT_FOR,
        result=result,
        error=None if job.error is None else schemas.JobError(**json.loads(job.error)),
    )
