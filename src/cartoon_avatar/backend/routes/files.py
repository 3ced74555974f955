"""Serves pictures to whoever holds a signed URL, or to their owner."""

from __future__ import annotations

import re
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.errors import InvalidDevice, NotFound
from cartoon_avatar.backend.identity import admitted, device_id_in
from cartoon_avatar.backend.limits import is_proxy
from cartoon_avatar.backend.routes.error_responses import problems
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import FileMissing
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import IMAGE_TYPES
from cartoon_avatar.http.request_log import log_as

router = APIRouter(tags=["files"])

_PATH = "/uploads/{type}/{filename}"
# As ``Signer`` writes it; nothing in it is escaped.
_SIGNED_QUERY = re.compile(rb"(thumbnail=1&)?expires=([0-9]{1,12})&signature=([A-Za-z0-9_-]{1,64})")
_BODY = {b"content-length", b"transfer-encoding"}
_CONDITIONS = {
    b"range",
    b"if-range",
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
}
# A name is never given to another picture.
_CACHE_CONTROL = "private, max-age=31536000, immutable"
_OF_EVERY_PICTURE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "content-disposition": "inline",
    "referrer-policy": "no-referrer",
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


@router.head(_PATH, include_in_schema=False)
@router.get(
    _PATH,
    operation_id="getFile",
    response_class=Response,
    responses={
        200: {
            "description": "The picture.",
            "content": {kind: {} for kind in IMAGE_TYPES},
        },
        206: {"description": "The requested range."},
        302: {"description": "The bucket's URL of the picture, if so configured."},
        304: {"description": "Not changed since the ETag sent."},
        416: {"description": "The range lies outside of the file."},
        **problems(400, 401, 404, 503),
    },
    openapi_extra={"parameters": _PARAMETERS},
)
async def get_file(request: Request) -> Response:
    """Serve a picture: with a valid signature to anybody, without one to its owner."""
    file_request = _FileRequest.of(request.scope)
    backend: State = request.state.backend
    if file_request is None:
        raise NotFound
    if not file_request.is_signed(backend):
        await _require_owner(request, backend, file_request.key)
    return await _picture(request.scope, backend, file_request)


class SignedFiles:
    """ASGI middleware: a signed URL is answered before routes are tried in turn.

    Most requests are for files, and routing takes longer than responding. What
    cannot be served goes on to the route, which says why.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = None
        if scope["type"] == "http" and scope["path"].startswith("/uploads/"):
            response = await self._response_to(scope)
        if response is None:
            await self.app(scope, receive, send)
        else:
            log_as(scope, _PATH)
            await response(scope, receive, send)

    async def _response_to(self, scope: Scope) -> Response | None:
        # A body would have to be counted and read to its end.
        if scope["method"] not in ("GET", "HEAD") or not _BODY.isdisjoint(_header_names(scope)):
            return None
        file_request, backend = _FileRequest.of(scope), scope["state"]["backend"]
        if file_request is None or not file_request.is_signed(backend):
            return None
        try:
            return await _picture(scope, backend, file_request)
        except AvatarError:
            return None


class _FileRequest(NamedTuple):
    """What a file's URL says. ``key`` is the picture's, of its thumbnail too."""

    key: str
    filename: str
    thumbnail: bool
    expires: str
    signature: str

    @classmethod
    def of(cls, scope: Scope) -> _FileRequest | None:
        """None for whatever lies outside of our own names: no path is built from it."""
        # Read by hand: FastAPI takes longer to read five strings than all the rest does.
        type, _, filename = scope["path"].removeprefix("/uploads/").partition("/")
        if type not in keys.FILE_TYPES or not keys.is_filename(filename):
            return None
        key = f"uploads/{type}/{filename}"
        signed = _SIGNED_QUERY.fullmatch(scope["query_string"])
        if signed is not None:
            thumbnail, expires, signature = signed.groups()
            return cls(key, filename, thumbnail is not None, expires.decode(), signature.decode())
        query = QueryParams(scope["query_string"])
        return cls(
            key,
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


async def _picture(scope: Scope, backend: State, file_request: _FileRequest) -> Response:
    key, filename = file_request.key, file_request.filename
    if file_request.thumbnail:
        key = keys.thumbnail_key(key)
        filename = f"{filename}.webp"
    mime_type = _TYPE_OF_EXTENSION.get(filename.rpartition(".")[2], "application/octet-stream")
    etag = f'"{filename}"'
    # A presigned URL is good for GET alone.
    if backend.settings.file_delivery == "redirect" and scope["method"] == "GET":
        url = await backend.storage.url_of(key)
        if url is not None:
            return RedirectResponse(url, 302, headers={"Cache-Control": "private, max-age=240"})
    if backend.settings.file_delivery == "nginx" and _nginx_can_send_it(scope, backend):
        return _SentByNginx(key, mime_type, etag)
    headers = {"cache-control": _CACHE_CONTROL, "etag": etag, **_OF_EVERY_PICTURE}
    try:
        return await backend.storage.response(key, mime_type, dict(Headers(scope=scope)), headers)
    except FileMissing as error:
        raise NotFound from error


class _SentByNginx(Response):
    """Tells nginx which file to send, and what to say of it."""

    _ALWAYS = (
        *((name.encode(), value.encode()) for name, value in _OF_EVERY_PICTURE.items()),
        # Under its own name nginx would keep it for a file that is gone, too.
        (b"x-cache-control", _CACHE_CONTROL.encode()),
        (b"accept-ranges", b"bytes"),
        (b"content-length", b"0"),
    )

    def __init__(self, key: str, mime_type: str, etag: str) -> None:
        self.status_code = 200
        self.body = b""
        self.background = None
        self.raw_headers = [
            *self._ALWAYS,
            (b"content-type", mime_type.encode()),
            (b"etag", etag.encode()),
            (b"x-accel-redirect", f"/stored/{key}".encode()),
        ]


def _nginx_can_send_it(scope: Scope, backend: State) -> bool:
    """Whole files; ranges and conditional requests are answered here, in one way.

    The AI service does not request through nginx and needs the bytes, not a path.
    """
    names = _header_names(scope)
    return (
        scope["method"] == "GET"
        and b"x-forwarded-for" in names
        and _CONDITIONS.isdisjoint(names)
        and scope["client"] is not None
        and is_proxy(scope["client"][0], backend.settings.trusted_networks)
    )


def _header_names(scope: Scope) -> set[bytes]:
    return {name for name, _ in scope["headers"]}


async def _require_owner(request: Request, backend: State, key: str) -> None:
    device_id = device_id_in(request, {})
    if device_id is None:
        raise InvalidDevice(
            "The URL carries no valid signature, and the request names no device:"
            " ask for a fresh URL, or send X-Device-Id."
        )
    await admitted(request, backend, device_id)
    face_id = keys.face_of_export(key, utc_now())
    if face_id is not None:
        owner = partial(queries.face_of, device_id=device_id, face_id=face_id)
        if await backend.database.read(owner) is None:
            raise NotFound
        return
    owns_it = partial(queries.owns_file, device_id=device_id, key=key)
    if not await backend.database.read(owns_it):
        raise NotFound
