"""Serves pictures to whoever holds a signed URL, or to their owner."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.dependencies import (
    State,
    asked_by_proxy,
    bearer_of,
    device_id_in,
)
from cartoon_avatar.backend.errors import InvalidDevice, NotFound
from cartoon_avatar.backend.flows.devices import authenticate
from cartoon_avatar.backend.routes.answers import problems
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import FileMissing
from cartoon_avatar.contract import IMAGE_TYPES
from cartoon_avatar.problems import AvatarError

router = APIRouter(tags=["files"])

_CONDITIONS = {
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
}
_PARAMETERS = [
    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in ("type", "filename")
] + [
    {
        "name": "thumbnail",
        "in": "query",
        "schema": {"type": "boolean", "default": False},
        "description": "The small WebP instead.",
    },
    {"name": "expires", "in": "query", "schema": {"type": "string", "default": ""}},
    {"name": "signature", "in": "query", "schema": {"type": "string", "default": ""}},
]
_TYPE_OF_EXTENSION = {extension: mime_type for mime_type, extension in IMAGE_TYPES.items()}


@router.head("/uploads/{type}/{filename}", include_in_schema=False)
@router.get(
    "/uploads/{type}/{filename}",
    operation_id="getFile",
    response_class=Response,
    responses={
        200: {
            "description": "The picture.",
            "content": {kind: {} for kind in IMAGE_TYPES},
        },
        206: {"description": "The range asked for."},
        302: {"description": "The bucket's URL of the picture, if so configured."},
        304: {"description": "Not changed since the ETag sent."},
        416: {"description": "The range lies outside of the file."},
        **problems(400, 401, 404, 503),
    },
    openapi_extra={"parameters": _PARAMETERS},
)
async def get_file(request: Request) -> Response:
    """Serve a picture: with a valid signature to anybody, without one to its owner."""
    asked = _Asked.of(request)
    backend: State = request.state.backend
    if asked is None:
        raise NotFound
    if not asked.is_signed(backend):
        await _require_owner(request, backend, asked.key)
    return await _answer(request, backend, asked)


class SignedFiles:
    """ASGI middleware: a signed URL is answered before routes are tried in turn.

    It is what is asked for most, and finding the route takes as long as the answer. What
    cannot be answered goes on to the route, which says why.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            response = await self._answer(Request(scope))
        if response is None:
            await self.app(scope, receive, send)
        else:
            scope["route"] = router.routes[-1]  # for the log and the metrics
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        if not request.scope["path"].startswith("/uploads/"):
            return None
        asked, backend = _Asked.of(request), request.state.backend
        if asked is None or not asked.is_signed(backend):
            return None
        try:
            return await _answer(request, backend, asked)
        except AvatarError:
            return None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a file's URL says. ``key`` is the picture's, of its thumbnail too."""

    key: str
    filename: str
    thumbnail: bool
    expires: str
    signature: str

    @classmethod
    def of(cls, request: Request) -> _Asked | None:
        """None for whatever lies outside of our own names: no path is built from it."""
        # Read by hand: FastAPI takes longer to read five strings than all the rest does.
        type, _, filename = request.scope["path"].removeprefix("/uploads/").partition("/")
        if type not in keys.FILE_TYPES or not keys.is_filename(filename):
            return None
        query = request.query_params
        return cls(
            f"uploads/{type}/{filename}",
            filename,
            query.get("thumbnail", "").lower() in ("1", "true"),
            query.get("expires", ""),
            query.get("signature", ""),
        )

    def is_signed(self, backend: State) -> bool:
        return backend.signer.allows(
            keys.url_path_of(self.key),
            thumbnail=self.thumbnail,
            expires=self.expires,
            signature=self.signature,
        )


async def _answer(request: Request, backend: State, asked: _Asked) -> Response:
    key, filename = asked.key, asked.filename
    if asked.thumbnail:
        key = keys.thumbnail_key(key)
        filename = f"{filename}.webp"
    mime_type = _TYPE_OF_EXTENSION.get(filename.rpartition(".")[2], "application/octet-stream")
    headers = {
        # A name is never given to another picture.
        "cache-control": "private, max-age=31536000, immutable",
        "etag": f'"{filename}"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "cross-origin",
        "content-disposition": "inline",
        "referrer-policy": "no-referrer",
    }
    # A presigned URL is good for GET alone.
    if backend.settings.file_delivery == "redirect" and request.method == "GET":
        url = await backend.storage.url_of(key)
        if url is not None:
            return RedirectResponse(url, 302, headers={"Cache-Control": "private, max-age=240"})
    if backend.settings.file_delivery == "nginx" and _nginx_can_send_it(request, backend):
        # Under its own name nginx would keep it for a file that is gone, too.
        headers["x-cache-control"] = headers.pop("cache-control")
        headers |= {"accept-ranges": "bytes", "x-accel-redirect": f"/stored/{key}"}
        return Response(media_type=mime_type, headers=headers)
    try:
        return await backend.storage.response(key, mime_type, dict(request.headers), headers)
    except FileMissing as error:
        raise NotFound from error


def _nginx_can_send_it(request: Request, backend: State) -> bool:
    """Whole files; what asks for less is answered here, so that there is one answer to it.

    The AI service asks past nginx, and could do nothing with a path.
    """
    whole = request.method == "GET" and _CONDITIONS.isdisjoint(request.headers.keys())
    return whole and asked_by_proxy(request, backend.settings.trusted_networks)


async def _require_owner(request: Request, backend: State, key: str) -> None:
    device_id = device_id_in(request, {})
    if device_id is None:
        raise InvalidDevice(
            "The URL carries no valid signature, and the request names no device:"
            " ask for a fresh URL, or send X-Device-Id."
        )
    await authenticate(
        backend.database,
        device_id=device_id,
        token=bearer_of(request),
        token_required=backend.settings.device_auth == "required",
        first=False,
    )
    async with backend.database.reading() as session:
        if not await queries.owns_file(session, device_id, key):
            raise NotFound
