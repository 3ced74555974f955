"""A POST on its way in: its fields, its idempotency key and what makes it the same request."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from cartoon_avatar.backend.errors import BodyTooSlow
from cartoon_avatar.backend.identity import device_id_in, named_device
from cartoon_avatar.backend.limits import limit_address
from cartoon_avatar.backend.state import State
from cartoon_avatar.contract.errors import InvalidRequest
from cartoon_avatar.http.forms import read_form

UPLOAD_PATH = "/api/upload"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Post:
    """``device_id`` is who it says it is from; ``respond_once`` asks whether that is true."""

    device_id: str
    fields: dict[str, Any]
    key: str | None
    is_upload: bool


async def require_turn(request: Request) -> None:
    """Raise where an upload is refused before its body is read, so that a flood costs nothing,
    nor a photo that nobody could draw."""
    backend: State = request.state.backend
    await limit_address(request, backend)
    backend.ai.admission.require(device_id_in(request, {}))


async def _post_of(request: Request) -> AsyncIterator[Post]:
    # One dependency, not a tree of them: FastAPI walks a branch anew for each that shares it.
    backend: State = request.state.backend
    is_upload = request.scope["path"] == UPLOAD_PATH
    if not is_upload:  # or ``RefusedUploads`` has done so
        await limit_address(request, backend)
    with backend.memory.lent(request) as in_memory_bytes:
        fields = await _fields_of(request, backend, in_memory_bytes)
        try:
            key = _idempotency_key(request)
            yield Post(named_device(request, fields), fields, key, is_upload)
        finally:
            for value in fields.values():
                if isinstance(value, UploadFile):
                    await value.close()


Posted = Annotated[Post, Depends(_post_of)]


async def _fields_of(request: Request, backend: State, in_memory_bytes: int) -> dict[str, Any]:
    """The fields of a POST, from JSON or a form; an empty body is fine."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        async with _in_time(backend):
            return await read_form(request, kind, in_memory_bytes=in_memory_bytes)
    async with _in_time(backend):
        body = await request.body()
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
async def _in_time(backend: State) -> AsyncIterator[None]:
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


def fingerprint_of(request: Request, fields: dict[str, Any]) -> str:
    """What makes two requests the same: method, path, fields and the photo's bytes."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    for name, value in sorted(fields.items()):
        digest.update(json.dumps(name).encode() + b"\n")
        if isinstance(value, UploadFile):
            value.file.seek(0)
            digest.update(hashlib.file_digest(value.file, "sha256").digest())
            value.file.seek(0)
        else:
            digest.update(json.dumps(value).encode() + b"\n")
    return digest.hexdigest()
