"""The API of the original design (`API_DIALECT=original`): its names, envelope and statuses, over
the routes and flows of ours. docs/moving.md says how apps and servers move.

    {"success": true, "data": {…}}    {"success": false, "error": "…"}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.errors import SiblingDownloaded
from cartoon_avatar.backend.flows import listing
from cartoon_avatar.backend.identity import Device, is_device_id
from cartoon_avatar.backend.routes import faces, originals
from cartoon_avatar.backend.routes.parameters import Backend, Id
from cartoon_avatar.backend.routes.post import Posted
from cartoon_avatar.backend.routes.results import cartoon_body
from cartoon_avatar.backend.state import State
from cartoon_avatar.contract.errors import AvatarError, InvalidRequest
from cartoon_avatar.contract.media_types import PROBLEM_JSON

router = APIRouter(include_in_schema=False)

# Apps of it know 400, 404, 500 and 507; for a retry later they show the message.
_STATUS = {408: 400, 409: 400, 413: 400, 422: 400, 503: 500}
_PAGE_LIMIT, _LARGEST_LIMIT = 50, 100
# Its lists have no pages.
_ALL = 1_000_000


class AlreadyExists(AvatarError):
    status = 400
    code = "already_exists"

    def __init__(self) -> None:
        super().__init__("A downloaded face already exists for this original.")


@router.post("/api/upload")
async def create_original(request: Request, backend: Backend, post: Posted) -> Response:
    response = await originals.create_original(request, backend, replace(post, fields={}))
    made = _body_of(response)
    data = {"original": _original(made["original"]), "cartoon": _cartoon(made["cartoon"])}
    return _success(data, 201)


@router.post("/api/regenerate/{originalId}")
async def create_cartoon(
    request: Request,
    backend: Backend,
    post: Posted,
    originalId: Id,  # noqa: N803 (the contract's name, in the path)
) -> Response:
    response = await originals.create_cartoon(
        request, backend, replace(post, fields={}), originalId
    )
    photo, drawn = await listing.one_original(
        backend.database, device_id=post.device_id, original_id=originalId
    )
    cartoons = [_sized(_body(cartoon_body(row, backend)), "imageUrl") for row in reversed(drawn)]
    data = {
        # As it was documented first, and as it was shipped later.
        "cartoon": _cartoon(_body_of(response)["cartoon"]),
        "original": _original(_body(schemas.Original.of(photo, backend.signer))),
        "cartoons": cartoons,
        "count": len(cartoons),
    }
    return _success(data, 201)


@router.post("/api/download/{cartoonId}")
async def create_face(
    request: Request,
    backend: Backend,
    post: Posted,
    cartoonId: Id,  # noqa: N803
) -> Response:
    try:
        response = await faces.create_face(request, backend, replace(post, fields={}), cartoonId)
    except SiblingDownloaded as error:
        raise AlreadyExists from error
    if response.status_code == 200:
        raise AlreadyExists
    face = _body_of(response)["face"]
    data = _sized(face, "faceUrl") | {"originalId": face["originalId"]}
    return _success({"downloadedFace": data}, 201)


@router.get("/api/originals")
async def list_originals(backend: Backend, device: Device) -> Response:
    photos = [_original(photo) for photo in (await _originals(backend, device)).values()]
    return _success({"originals": photos, "count": len(photos)})


@router.get("/api/downloaded-faces")
async def list_faces(backend: Backend, device: Device, page: str = "", limit: str = "") -> Response:
    number = max(1, _number(page, 1))
    size = min(max(1, _number(limit, _PAGE_LIMIT)), _LARGEST_LIMIT)
    rows = (
        await listing.list_faces(backend.database, device_id=device, cursor=None, limit=_ALL)
    ).rows
    photos = await _originals(backend, device)
    shown = [
        _sized(_body(schemas.Face.of(row, backend.signer)), "faceUrl")
        | {"original": _cartoon(photos[row.original_id])}
        for row in rows[(number - 1) * size : number * size]
        if row.original_id in photos  # and not deleted meanwhile
    ]
    pages = -(-len(rows) // size)
    pagination = {"page": number, "limit": size, "total": len(rows), "pages": pages}
    return _success({"downloadedFaces": shown, "pagination": pagination})


@router.get("/api/cartoons")
async def list_cartoons(
    backend: Backend,
    device: Device,
    originalId: str = "",  # noqa: N803
) -> Response:
    if not originalId:
        raise InvalidRequest("Name the original whose cartoons are asked for: originalId.")
    photo, drawn = await listing.one_original(
        backend.database, device_id=device, original_id=originalId
    )
    original = _cartoon(_body(schemas.Original.of(photo, backend.signer)))
    cartoons = [
        _cartoon(_body(cartoon_body(row, backend))) | {"original": original}
        for row in reversed(drawn)
    ]
    return _success({"cartoons": cartoons})


@router.get("/health")
async def get_health() -> Response:
    return JSONResponse({"status": "ok", "message": "The server is running."})


class OriginalDialect:
    """ASGI middleware: requests of the original's apps made ours, and our problems theirs.

    Any text names a device, and pictures open by their names alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["headers"] = [
            (name, device_id_of(value) if name == b"x-device-id" else value)
            for name, value in scope["headers"]
        ]
        if scope["path"].startswith("/uploads/") and b"signature=" not in scope["query_string"]:
            backend: State = scope["state"]["backend"]
            signed = backend.signer.file_url(scope["path"])
            scope["query_string"] = signed.partition("?")[2].encode()

        problem: list[bytes] | None = None
        start: Message = {}

        async def send_translated(message: Message) -> None:
            nonlocal problem, start
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                if headers.get(b"content-type", b"").startswith(PROBLEM_JSON.encode()):
                    problem, start = list[bytes](), message
                    return
            if problem is None:
                await send(message)
                return
            problem.append(message.get("body", b""))
            if not message.get("more_body", False):
                await _send_failure(scope, start, b"".join(problem), send)

        await self.app(scope, receive, send_translated)


async def _send_failure(scope: Scope, start: Message, problem: bytes, send: Send) -> None:
    # Of HEAD there is no body to translate.
    sentence = json.loads(problem)["detail"] if problem else ""
    body = json.dumps({"success": False, "error": sentence}, ensure_ascii=False).encode()
    headers = [
        (name, value)
        for name, value in start["headers"]
        if name.lower() not in (b"content-type", b"content-length")
    ]
    headers += [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    status = _STATUS.get(start["status"], start["status"])
    await send({**start, "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def device_id_of(given: bytes) -> bytes:
    """``given`` where it is one of ours; any other text is named by its hash."""
    if not given.strip() or is_device_id(given.decode("latin-1")):
        return given
    return f"any-{hashlib.sha256(given).hexdigest()[:32]}".encode()


async def _originals(backend: State, device: str) -> dict[str, dict[str, Any]]:
    """All photos of the device by id, newest first."""
    page = await listing.list_originals(backend.database, device_id=device, cursor=None, limit=_ALL)
    return {row.id: _body(schemas.Original.of(row, backend.signer)) for row in page.rows}


def _original(ours: Mapping[str, Any]) -> dict[str, Any]:
    return _sized(ours, "imageUrl")


def _cartoon(ours: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": ours["id"],
        "imageUrl": _unsigned(ours["imageUrl"]),
        "createdAt": ours["createdAt"],
    }


def _sized(ours: Mapping[str, Any], url: str) -> dict[str, Any]:
    return {
        "id": ours["id"],
        url: _unsigned(ours[url]),
        "fileSize": ours["fileSize"],
        "createdAt": ours["createdAt"],
    }


def _unsigned(url: str) -> str:
    return url.partition("?")[0]


def _body(ours: schemas.Body) -> dict[str, Any]:
    return ours.model_dump(mode="json", by_alias=True)


def _body_of(response: Response) -> dict[str, Any]:
    return json.loads(bytes(response.body))


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else default


def _success(data: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(
        {"success": True, "data": data}, status, headers={"Cache-Control": "no-store"}
    )
