"""Serves an open file: whole, a range of it, or the word that it has not changed."""

from __future__ import annotations

import os
import re

from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_CHUNK_BYTES = 256 * 1024
# RFC 9110 §14.1.2, a single range; of several we serve the whole, as it allows.
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class OpenFileResponse(Response):
    """Answer from a file that is already open, so that deleting it meanwhile cuts nobody off.

    ``headers`` must hold an ``etag``; files never change under their name.
    """

    def __init__(
        self,
        file: int,
        mime_type: str,
        request_headers: dict[str, str],
        headers: dict[str, str],
    ) -> None:
        self.file = file
        self.background = None
        self.media_type = None
        self.status_code = 200
        size_bytes = os.fstat(file).st_size
        self.first, self.end = 0, size_bytes
        described = {"accept-ranges": "bytes", **headers}

        etag = headers["etag"]
        if {etag, "*"} & _listed(request_headers.get("if-none-match", "")):
            self.status_code = 304
            self.end = 0
        else:
            described["content-type"] = mime_type
            asked = _range_of(request_headers, etag, size_bytes)
            if asked is not None:
                self.first, self.end = asked
                self.status_code = 206 if self.first < self.end else 416
                span = f"{self.first}-{self.end - 1}" if self.status_code == 206 else "*"
                described["content-range"] = f"bytes {span}/{size_bytes}"
            described["content-length"] = str(self.end - self.first)
        self.init_headers(described)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            position = self.end if scope["method"] == "HEAD" else self.first
            while True:
                wanted = min(_CHUNK_BYTES, self.end - position)
                chunk = b""
                if wanted:
                    chunk = await to_thread.run_sync(os.pread, self.file, wanted, position)
                position += len(chunk)
                more = bool(chunk) and position < self.end
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
                if not more:
                    return
        finally:
            os.close(self.file)


def _listed(if_none_match: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


def _range_of(headers: dict[str, str], etag: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and end of the one range asked for; an empty span where it lies outside."""
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
