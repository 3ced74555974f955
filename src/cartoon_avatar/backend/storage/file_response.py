"""Serves a file: whole (200), a range (206) or not modified (304)."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CHUNK_BYTES = 256 * 1024
# RFC 9110 §14.1.2, a single range; of several we serve the whole, as it allows.
_RANGE = re.compile(r"bytes=([0-9]{0,999})-([0-9]{0,999})")


@dataclass(frozen=True, slots=True)
class Extent:
    """The bytes that a request gets, from ``first`` to before ``end``, and their headers."""

    status: int
    first: int
    end: int
    headers: dict[str, str]

    @classmethod
    def asked_for(
        cls,
        request_headers: Mapping[str, str],
        headers: Mapping[str, str],
        mime_type: str,
        size_bytes: int,
    ) -> Extent:
        """``headers`` must hold an ``etag``; files never change under their name."""
        described = {"accept-ranges": "bytes", **headers}
        etag = headers["etag"]
        if _names(request_headers.get("if-none-match", ""), etag):
            return cls(304, 0, 0, described)
        status, first, end = 200, 0, size_bytes
        byte_range = _range_of(request_headers, etag, size_bytes)
        if byte_range is not None:
            first, end = byte_range
            status = 206 if first < end else 416
            span = f"{first}-{end - 1}" if status == 206 else "*"
            described["content-range"] = f"bytes {span}/{size_bytes}"
        described["content-type"] = mime_type
        described["content-length"] = str(end - first)
        return cls(status, first, end, described)


class FileResponse(Response):
    """Responds with ``pieces``, which are the bytes of ``extent``."""

    def __init__(self, extent: Extent, pieces: AsyncGenerator[bytes]) -> None:
        self.pieces = pieces
        self.background = None
        self.media_type = None
        self.status_code = extent.status
        self.init_headers(extent.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.pieces) as pieces:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            if scope["method"] != "HEAD":
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class BytesResponse(Response):
    """Responds with ``data``, all the bytes of ``extent``."""

    def __init__(self, extent: Extent, data: bytes) -> None:
        self.data = data
        self.background = None
        self.media_type = None
        self.status_code = extent.status
        self.init_headers(extent.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        body = b"" if scope["method"] == "HEAD" else self.data
        await send({"type": "http.response.body", "body": body})


class OpenFileResponse(FileResponse):
    """From a file that is already open, so that deleting it meanwhile cuts nobody off.

    A server that sends files itself, past Python, is given the ``path`` instead; one that
    is deleted just then it answers with 404.
    """

    def __init__(
        self,
        file: int,
        path: Path,
        mime_type: str,
        request_headers: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> None:
        self.file = file
        self.path = path
        size_bytes = os.fstat(file).st_size
        extent = Extent.asked_for(request_headers, headers, mime_type, size_bytes)
        super().__init__(extent, _read(file, extent.first, extent.end))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            whole = self.status_code == 200 and scope["method"] == "GET"
            if whole and "http.response.pathsend" in scope.get("extensions", {}):
                await send(
                    {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                )
                await send({"type": "http.response.pathsend", "path": str(self.path)})
            else:
                await super().__call__(scope, receive, send)
        finally:
            os.close(self.file)


async def _read(file: int, position: int, end: int) -> AsyncGenerator[bytes]:
    while position < end:
        wanted = min(CHUNK_BYTES, end - position)
        chunk = await to_thread.run_sync(os.pread, file, wanted, position)
        if not chunk:
            return
        position += len(chunk)
        yield chunk


def _names(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


def _range_of(headers: Mapping[str, str], etag: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and end of the single requested range; an empty span where it lies outside."""
    if headers.get("if-range", etag) != etag:
        return None
    match = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size_bytes - int(last)), size_bytes
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    if last and int(last) < int(first):
        return None
    return (int(first), end) if int(first) < size_bytes else (0, 0)
