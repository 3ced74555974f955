"""Request bodies into bytes and fields, counted and timed while they stream in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from cartoon_avatar.ai.errors import (
    BodyTooSlow,
    ClientGone,
    FileTooLarge,
    InvalidRequest,
)

_MAX_FIELDS = 8
_MAX_FIELD_BYTES = 16_384
_OVERHEAD_BYTES = 65_536
_PACKET_BYTES = 65_536

#: A file as it came: put together, its bytes would be copied once more.
Pieces = list[memoryview]
Packets = AsyncGenerator[bytes | bytearray, None]


@dataclass(frozen=True, slots=True)
class Form:
    files: dict[str, Pieces]
    fields: dict[str, Any]


class _Parser(MultiPartParser):
    """Starlette's, but files stay where they lie in the packets of the body, uncopied."""

    def __init__(self, headers: Headers, packets: Packets, **limits: int) -> None:
        super().__init__(headers, packets, **limits)  # type: ignore[arg-type]
        self.files: dict[UploadFile, Pieces] = {}

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        file = self._current_part.file
        if file is None:
            super().on_part_data(data, start, end)
        else:
            self.files.setdefault(file, []).append(memoryview(data)[start:end])


async def read_form(
    request: Request, *file_names: str, max_file_bytes: int, timeout_s: float
) -> Form:
    """The multipart body of ``request``, holding at most a file for each of ``file_names``."""
    limit = len(file_names) * max_file_bytes + _OVERHEAD_BYTES
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise FileTooLarge(max_file_bytes)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise InvalidRequest("Send multipart/form-data with the picture in the field image.")

    try:
        parser = _Parser(
            request.headers,
            _packets(_counted(request, limit, max_file_bytes)),
            max_files=len(file_names),
            max_fields=_MAX_FIELDS,
            max_part_size=_MAX_FIELD_BYTES,
        )
        async with asyncio.timeout(timeout_s):
            parsed = await parser.parse()
    except TimeoutError as error:
        raise BodyTooSlow(timeout_s) from error
    except MultiPartException as error:
        raise InvalidRequest(f"The multipart body is malformed: {error.message}") from error
    except ClientDisconnect as error:
        raise ClientGone from error

    try:
        return _unpacked(parser, parsed, file_names, max_file_bytes)
    finally:
        await parsed.close()


def _unpacked(
    parser: _Parser, parsed: FormData, file_names: tuple[str, ...], max_file_bytes: int
) -> Form:
    files: dict[str, Pieces] = {}
    fields: dict[str, Any] = {}
    for name, value in parsed.multi_items():
        if name in files or name in fields:
            raise InvalidRequest(f"The field {name[:40]!r} was sent twice.")
        if isinstance(value, str):
            fields[name] = value
        elif name in file_names:
            files[name] = parser.files.get(value, [])
            if sum(map(len, files[name])) > max_file_bytes:
                raise FileTooLarge(max_file_bytes)
    return Form(files, fields)


async def read_json(request: Request, *, timeout_s: float) -> dict[str, Any]:
    """The JSON object in the body of ``request``."""
    try:
        async with asyncio.timeout(timeout_s):
            data = await _whole(_counted(request, _OVERHEAD_BYTES, _OVERHEAD_BYTES))
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


async def _packets(chunks: AsyncIterator[bytes]) -> Packets:
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
