"""A POST on its way in: its fields, its idempotency key and what makes it the same request."""

from __future__ import annotations

import asyncio
import hashlib
import json
import mmap
import re
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.exc import SQLAlchemyError

from cartoon_avatar.backend.db.session import is_busy
from cartoon_avatar.backend.errors import BodyTooSlow, DatabaseBusy, DigestMismatch, Unauthorized
from cartoon_avatar.backend.flows.jobs import first_upload_with
from cartoon_avatar.backend.identity import admitted, bearer_of, device_id_in, named_device
from cartoon_avatar.backend.limits import limit_address
from cartoon_avatar.backend.routes.preferences import preference_in
from cartoon_avatar.backend.spool import Spool
from cartoon_avatar.backend.state import State
from cartoon_avatar.contract.errors import InvalidImage, InvalidRequest
from cartoon_avatar.http.forms import (
    MULTIPART,
    URLENCODED,
    media_type_of,
    read_multipart,
    read_urlencoded,
)

UPLOAD_PATH = "/api/upload"
NO_IMAGE = "Send the photo as the multipart file field named image."
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Post:
    """``device_id`` is the claimed sender; ``respond`` authenticates it."""

    device_id: str
    fields: dict[str, Any]
    image: Spool | None
    key: str | None
    is_upload: bool


async def require_turn(request: Request) -> None:
    """Raise where an upload can be refused before its body is read: too many requests, no place
    at the AI service, or a wrong token."""
    backend: State = request.state.backend
    await limit_address(request, backend)
    device_id = device_id_in(request, {})
    if not preference_in(request).respond_async:  # which waits for its turn
        backend.ai.admission.require(device_id)
    if device_id is not None:
        await _require_admission(request, backend, device_id)


async def _require_admission(request: Request, backend: State, device_id: str) -> None:
    try:
        try:
            await admitted(request, backend, device_id, first=True)
        except Unauthorized:
            key = _idempotency_key(request)
            if key is None or bearer_of(request) is not None:
                raise
            # It may repeat the first upload of the device; the photo has to show that.
            if await first_upload_with(backend, device_id, key, None) is None:
                raise
    except (SQLAlchemyError, TimeoutError) as error:
        # Here, since no handler of the app's sees what middleware raises; and at once: asking
        # again after the photo would wait for a database that stalls a second time.
        if isinstance(error, TimeoutError) or is_busy(error):
            raise DatabaseBusy from error
        raise


async def _post_of(request: Request) -> AsyncIterator[Post]:
    # One dependency, not a tree of them: FastAPI walks a branch anew for each that shares it.
    backend: State = request.state.backend
    is_upload = request.scope["path"] == UPLOAD_PATH
    if not is_upload:  # or ``RefusedUploads`` has done so
        await limit_address(request, backend)
    with (
        backend.memory.lent(request) as in_memory_bytes,
        closing(Spool(in_memory_bytes)) as image,
    ):
        async with _in_time(backend):
            fields, has_image = await _fields_of(request, {"image": image} if is_upload else {})
        key = _idempotency_key(request)
        device_id = named_device(request, fields)
        yield Post(device_id, fields, image if has_image else None, key, is_upload)


Posted = Annotated[Post, Depends(_post_of)]


async def _fields_of(request: Request, files: dict[str, Spool]) -> tuple[dict[str, Any], bool]:
    """The fields of a POST, from JSON or a form, and whether it brought ``files``; an empty body
    is fine."""
    kind = media_type_of(request)
    if kind == MULTIPART:
        async with aclosing(request.stream()) as stream:
            fields, sent = await read_multipart(stream, request.headers["content-type"], files)
        return dict(fields), bool(sent)
    if kind == URLENCODED:
        return dict(await read_urlencoded(request)), False
    body = await request.body()
    if files and body and kind != "application/json":
        # The photo itself, perhaps.
        raise InvalidImage(NO_IMAGE)
    return _json_fields(body), False


def _json_fields(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is neither a form nor valid JSON.") from error
    if fields is None:  # what generated clients send where there are no options
        return {}
    if not isinstance(fields, dict):
        raise InvalidRequest("The JSON body must be an object.")
    return fields


@asynccontextmanager
async def _in_time(backend: State) -> AsyncGenerator[None]:
    limit_s = backend.settings.body_timeout_s
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError as error:
        raise BodyTooSlow(limit_s) from error


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest("An Idempotency-Key is 1 to 255 visible ASCII characters.")
    return key


def require_digest(request: Request, photo: bytes | mmap.mmap) -> None:
    """Raise DigestMismatch where ``photo`` is not what Repr-Digest (RFC 9530) stands for. Digests
    of other kinds than sha-256 are not looked at."""
    for part in ",".join(request.headers.getlist("repr-digest")).split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() != "sha-256":
            continue
        try:
            digest = b64decode(value.removeprefix(":").removesuffix(":"), validate=True)
        except ValueError:
            digest = b""
        if len(digest) != hashlib.sha256().digest_size:
            raise InvalidRequest("Repr-Digest must be sha-256=:…:, the digest in base64.")
        if digest != hashlib.sha256(photo).digest():
            raise DigestMismatch


def fingerprint_of(request: Request, post: Post) -> str:
    """What makes two requests the same: method, path, fields and the photo's bytes."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    for name, value in sorted(post.fields.items()):
        digest.update(json.dumps(name).encode() + b"\n")
        digest.update(json.dumps(value).encode() + b"\n")
    if post.image is not None and post.image.size_bytes:
        digest.update(post.image.contents())
    return digest.hexdigest()
