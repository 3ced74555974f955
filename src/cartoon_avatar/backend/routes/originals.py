"""Photos and their cartoons."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.errors import InvalidImage
from cartoon_avatar.backend.flows import deletion, listing
from cartoon_avatar.backend.flows.job_rows import JobRequest
from cartoon_avatar.backend.flows.photos import open_photo
from cartoon_avatar.backend.flows.vector import svg_of
from cartoon_avatar.backend.identity import Device
from cartoon_avatar.backend.options import drawing_options
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
from cartoon_avatar.backend.routes.post import (
    NO_IMAGE,
    UPLOAD_PATH,
    Posted,
    require_digest,
    require_turn,
)
from cartoon_avatar.backend.routes.request_bodies import DRAWING_BODY, UPLOAD_BODY
from cartoon_avatar.backend.routes.respond import respond
from cartoon_avatar.backend.routes.results import cartoon_body
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.headers import SVG_HEADERS
from cartoon_avatar.contract.media_types import SVG
from cartoon_avatar.http.problems import problem_response
from cartoon_avatar.http.request_log import log_as

router = APIRouter(prefix="/api", tags=["originals"])


@router.post(
    "/upload",
    status_code=201,
    response_model=schemas.UploadCreated,
    responses={**ACCEPTED, **problems(*DRAWING)},
    operation_id="uploadPhoto",
    openapi_extra=UPLOAD_BODY,
)
async def create_original(request: Request, backend: Backend, post: Posted) -> Response:
    """Keep a photo for good and draw its first cartoon."""

    async def read_job_request() -> JobRequest:
        if post.image is None:
            raise InvalidImage(NO_IMAGE)
        options, settings = drawing_options(post.fields), backend.settings
        if "repr-digest" in request.headers:
            await asyncio.to_thread(require_digest, request, post.image.contents())
        # Whole containers are walked: milliseconds for an honest file, more for a hostile one.
        photo = await asyncio.to_thread(
            open_photo,
            post.image,
            max_bytes=settings.max_upload_bytes,
            keep_metadata=settings.keep_metadata,
        )
        return JobRequest("upload", "", options, photo)

    return await respond(request, backend, post, read_job_request)


class RefusedUploads:
    """ASGI middleware: refuses an upload before routing, where it cannot succeed.

    Refusals share the CPU with drawing, and through FastAPI each would cost a fifth more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", UPLOAD_PATH):
            try:
                await require_turn(Request(scope))
            except AvatarError as error:
                log_as(scope, UPLOAD_PATH)
                response = problem_response(scope["state"]["request_id"], error)
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)


@router.post(
    "/regenerate/{originalId}",
    status_code=201,
    response_model=schemas.CartoonCreated,
    responses={**ACCEPTED, **problems(*DRAWING)},
    operation_id="regenerateCartoon",
    openapi_extra=DRAWING_BODY,
)
async def create_cartoon(
    request: Request,
    backend: Backend,
    post: Posted,
    originalId: Id,  # noqa: N803 (the contract's name, in the path)
) -> Response:
    """Draw another, visibly different cartoon of an original."""

    async def read_job_request() -> JobRequest:
        return JobRequest("regenerate", originalId, drawing_options(post.fields))

    return await respond(request, backend, post, read_job_request)


@router.get(
    "/originals",
    response_model=schemas.OriginalList,
    responses=problems(*ALWAYS),
    operation_id="listOriginals",
    dependencies=[NoPageNumber],
)
async def list_originals(
    backend: Backend, device: Device, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> schemas.OriginalList:
    """The device's photos, newest first."""
    page = await listing.list_originals(
        backend.database, device_id=device, cursor=cursor, limit=limit
    )
    items = [schemas.Original.of(row, backend.signer) for row in page.rows]
    return schemas.OriginalList(items=items, next_cursor=page.next_cursor)


@router.get(
    "/originals/{originalId}",
    response_model=schemas.OriginalDetail,
    responses=problems(*ALWAYS, 404),
    operation_id="getOriginal",
)
async def get_original(
    backend: Backend,
    device: Device,
    originalId: Id,  # noqa: N803
) -> schemas.OriginalDetail:
    """One photo with its live cartoons, so that an app can resume after a restart."""
    original, cartoons = await listing.one_original(
        backend.database, device_id=device, original_id=originalId
    )
    return schemas.OriginalDetail(
        original=schemas.Original.of(original, backend.signer),
        cartoons=[cartoon_body(row, backend) for row in cartoons],
        faces=schemas.PhotoFace.all_of(original),
    )


@router.get(
    "/cartoons/{cartoonId}/svg",
    response_class=Response,
    responses={
        200: {"description": "The drawing as an SVG document.", "content": {SVG: {}}},
        **problems(*ALWAYS, 404, 422, 500),
    },
    operation_id="getCartoonSvg",
)
async def get_cartoon_svg(
    backend: Backend,
    device: Device,
    cartoonId: Id,  # noqa: N803
) -> Response:
    """A live cartoon as the shapes it is drawn of, in styles that have `svg`."""
    svg = await svg_of(backend, device_id=device, cartoon_id=cartoonId)
    return Response(
        svg.data,
        media_type=SVG,
        headers={
            **SVG_HEADERS,
            "Content-Disposition": f'attachment; filename="{svg.filename}"',
            "Cache-Control": "no-store",
        },
    )


@router.delete(
    "/originals/{originalId}",
    status_code=204,
    response_class=Response,
    dependencies=[RoomToDelete],
    responses=problems(*ALWAYS, 404),
    operation_id="deleteOriginal",
)
async def delete_original(
    backend: Backend,
    device: Device,
    originalId: Id,  # noqa: N803
) -> None:
    """Delete a photo with its cartoons and faces."""
    await deletion.delete_original(
        backend.database, backend.storage, device_id=device, original_id=originalId
    )
