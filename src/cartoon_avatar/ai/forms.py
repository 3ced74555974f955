"""Request bodies into bytes and fields, counted and timed while they stream in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from cartoon_avatar.ai.errors import ClientGone
from cartoon_avatar.contract.errors import BodyTooSlow, FileTooLarge, InvalidRequest
from cartoon_avatar.contract.limits import FORM_OVERHEAD_BYTES
from cartoon_avatar.http.forms import MULTIPART, media_type_of, read_multipart

_PACKET_BYTES = 65_536

#: A file as it came: put together, its bytes would be copied once more.
Pieces = list[memoryview]


@dataclass(frozen=True, slots=True)
class Form:
    files: dict[str, Pieces]
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file that stays where it lies in the packets of the body."""

    pieces: Pieces = field(default_factory=list)

    def write(self, piece: memoryview) -> None:
        self.pieces.append(piece)

    async def flush(self) -> None:
        pass


async def read_form(
    request: Request, *file_names: str, max_file_bytes: int, timeout_s: float
) -> Form:
    """The multipart body of ``request``, holding at most a file for each of ``file_names``."""
    limit = len(file_names) * max_file_bytes + FORM_OVERHEAD_BYTES
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise FileTooLarge(max_file_bytes)
    if media_type_of(request) != MULTIPART:
        raise InvalidRequest("Send multipart/form-data with the picture in the field image.")

    files = {name: _Kept() for name in file_names}
    packets = _packets(_counted(request, limit, max_file_bytes))
    try:
        async with asyncio.timeout(timeout_s):
            fields, sent = await read_multipart(packets, request.headers["content-type"], files)
    except TimeoutError as error:
        raise BodyTooSlow(timeout_s) from error
    except ClientDisconnect as error:
        raise ClientGone from error
    pieces = {name: files[name].pieces for name in sent}
    if any(sum(map(len, file)) > max_file_bytes for file in pieces.values()):
        raise FileTooLarge(max_file_bytes)
    return Form(pieces, dict(fields))


async def read_json(request: Request, *, timeout_s: float) -> dict[str, Any]:
    """The JSON object in the body of ``request``."""
    try:
        async with asyncio.timeout(timeout_s):
            data = await _whole(_counted(request, FORM_OVERHEAD_BYTES, FORM_OVERHEAD_BYTES))
        value = json.loads(data)
    except TimeoutError as error:
        raise BodyTooSlow(timeout_s) from error
    except ClientDisconnect as error:
        raise ClientGone from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return value


async def _packets(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes | bytearray]:
    """``chunks``, small ones put together: an object for each byte would take a hundred."""
    packet = bytearray()
    async for chunk in chunks:
        if len(packet) + len(chunk) < _PACKET_BYTES:
            packet += chunk
            continue
        if packet:
            yield packet
            packet = bytearray()
        yield chunk
    if packet:
        yield packet


async def _whole(chunks: AsyncIterator[bytes]) -> bytearray:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
    return data


async def _counted(request: Request, limit: int, named_limit: int) -> AsyncIterator[bytes]:
    counted = 0
    async for chunk in request.stream():
        counted += len(chunk)
        if counted > limit:
            raise FileTooLarge(named_limit)
        yield chunk
