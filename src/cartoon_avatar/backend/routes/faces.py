"""Faces cut out of cartoons."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.flows import listing
from cartoon_avatar.backend.flows.devices import Caller, forget
from cartoon_avatar.backend.flows.download import Downloaded, download
from cartoon_avatar.backend.flows.idempotency import Note
from cartoon_avatar.backend.identity import Device
from cartoon_avatar.backend.options import cut_options
from cartoon_avatar.backend.routes.error_responses import ALWAYS, DRAWING, problems
from cartoon_avatar.backend.routes.idempotent import respond_once
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
from cartoon_avatar.backend.routes.request_bodies import CUT_BODY

router = APIRouter(prefix="/api")


@router.post(
    "/download/{cartoonId}",
    status_code=201,
    response_model=schemas.FaceCreated,
    responses={
        200: {"model": schemas.FaceCreated, "description": "Downloaded before: the same face."},
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

    def rendered(downloaded: Downloaded) -> tuple[int, schemas.FaceCreated]:
        status = 201 if downloaded.is_new else 200
        return status, schemas.FaceCreated(face=schemas.Face.of(downloaded.face, backend.signer))

    async def run(caller: Caller, note: Note[Downloaded]) -> Downloaded:
        return await download(backend, caller, cartoonId, cut_options(post.fields), note)

    return await respond_once(request, backend, post, run=run, render=rendered)


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
    await listing.delete_face(backend.database, backend.storage, device_id=device, face_id=faceId)


@router.delete(
    "/device",
    status_code=204,
    response_class=Response,
    dependencies=[RoomToDelete],
    responses=problems(*ALWAYS),
    operation_id="deleteDevice",
    tags=["device"],
)
async def delete_device(backend: Backend, device: Device) -> None:
    """Delete everything of the caller, files included, at once."""
    await forget(backend.database, backend.storage, device_id=device)
