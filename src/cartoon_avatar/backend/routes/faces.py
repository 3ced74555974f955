"""Faces cut out of cartoons."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.flows import deletion, listing
from cartoon_avatar.backend.flows.export import Export, export
from cartoon_avatar.backend.flows.job_rows import JobRequest
from cartoon_avatar.backend.identity import Device, admitted
from cartoon_avatar.backend.limits import limit_device
from cartoon_avatar.backend.options import download_options, export_options
from cartoon_avatar.backend.routes.error_responses import ACCEPTED, ALWAYS, DRAWING, problems
from cartoon_avatar.backend.routes.parameters import (
    DEFAULT_LIMIT,
    Backend,
    Cursor,
    Id,
    Limit,
    NoPageNumber,
    RoomToDelete,
)
from cartoon_avatar.backend.routes.post import Posted
from cartoon_avatar.backend.routes.request_bodies import CUT_BODY, EXPORT_BODY
from cartoon_avatar.backend.routes.respond import REPLAYED, respond
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys

router = APIRouter(prefix="/api")

_KEPT = ("Cache-Control", REPLAYED)


@router.post(
    "/download/{cartoonId}",
    status_code=201,
    response_model=schemas.FaceCreated,
    responses={
        200: {"model": schemas.FaceCreated, "description": "Downloaded before: the same face."},
        **ACCEPTED,
        **problems(*DRAWING),
    },
    operation_id="downloadFace",
    openapi_extra=CUT_BODY,
    tags=["faces"],
)
async def create_face(
    request: Request,
    backend: Backend,
    post: Posted,
    cartoonId: Id,  # noqa: N803 (the contract's name, in the path)
) -> Response:
    """Cut the face out of a cartoon, keep it, and delete the photo's temporary cartoons."""

    async def read_job_request() -> JobRequest:
        return JobRequest("download", cartoonId, cut)

    cut, sticker = download_options(post.fields)
    # A sticker needs the head, so the client waits for it.
    response = await respond(
        request, backend, post, read_job_request, may_respond_async=sticker is None
    )
    if sticker is None:
        return response
    # The head is kept even if its sticker fails: a repeat of the request gets both.
    content = json.loads(bytes(response.body))
    made = await export(
        backend, device_id=post.device_id, face_id=content["face"]["id"], options=sticker
    )
    content["export"] = _export(made, backend).model_dump(mode="json")
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    return JSONResponse(content, response.status_code, headers)


@router.post(
    "/downloaded-faces/{faceId}/exports",
    status_code=201,
    response_model=schemas.ExportCreated,
    responses={
        200: {"model": schemas.ExportCreated, "description": "Made before: the same file."},
        **problems(*ALWAYS, 404, 408, 413, 422, 500, 507),
    },
    operation_id="exportFace",
    openapi_extra=EXPORT_BODY,
    tags=["faces"],
)
async def create_export(
    request: Request,
    response: Response,
    backend: Backend,
    post: Posted,
    faceId: Id,  # noqa: N803
) -> schemas.ExportCreated:
    """Make a sticker of a face, of the size, type and bytes a messenger takes."""
    await admitted(request, backend, post.device_id)
    await limit_device(backend, post.device_id)
    options = export_options(post.fields)
    made = await export(backend, device_id=post.device_id, face_id=faceId, options=options)
    response.status_code = 201 if made.is_new else 200
    response.headers["Cache-Control"] = "no-store"
    return schemas.ExportCreated(export=_export(made, backend))


@router.get(
    "/downloaded-faces",
    response_model=schemas.FaceList,
    responses=problems(*ALWAYS),
    operation_id="listFaces",
    dependencies=[NoPageNumber],
    tags=["faces"],
)
async def list_faces(
    backend: Backend, device: Device, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> schemas.FaceList:
    """The device's faces, newest first."""
    page = await listing.list_faces(backend.database, device_id=device, cursor=cursor, limit=limit)
    items = [schemas.Face.of(row, backend.signer) for row in page.rows]
    return schemas.FaceList(items=items, next_cursor=page.next_cursor)


@router.delete(
    "/downloaded-faces/{faceId}",
    status_code=204,
    response_class=Response,
    dependencies=[RoomToDelete],
    responses=problems(*ALWAYS, 404),
    operation_id="deleteFace",
    tags=["faces"],
)
async def delete_face(
    backend: Backend,
    device: Device,
    faceId: Id,  # noqa: N803
) -> None:
    """Delete a face."""
    await deletion.delete_face(backend.database, backend.storage, device_id=device, face_id=faceId)


def _export(made: Export, backend: State) -> schemas.Export:
    width, height = keys.export_size(made.key)
    return schemas.Export(
        face_id=made.face_id,
        preset=made.options.preset,
        filename=keys.filename_of(made.key),
        export_url=backend.signer.file_url(keys.url_path_of(made.key)),
        file_size=made.size_bytes,
        mime_type=made.mime_type,
        width=width,
        height=height,
        outline_width=made.options.outline_px,
        outline_color=made.options.outline_colour,
        background=made.options.background,
    )
