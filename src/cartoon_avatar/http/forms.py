"""Reads forms as they come in: fields as text, files piece by piece into what keeps them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Protocol
from urllib.parse import parse_qsl

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from cartoon_avatar.contract.errors import InvalidImage, InvalidRequest
from cartoon_avatar.contract.limits import FORM_OVERHEAD_BYTES

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"

# Our forms have few and short fields; others are refused.
_MAX_FIELDS = 16
_MAX_FIELD_BYTES = 16_384

_UNDIVIDED = (
    "The form is broken: its parts are not divided by the boundary that its Content-Type names, or"
    " have malformed headers. Lines end with CR LF, and a header is one line."
)
# White space may pad the line of a boundary; this much is looked through.
_PADDING_BYTES = 64
# A part that names the character set of the others (RFC 7578, 4.6), which ours tell from the bytes.
_CHARSET = "_charset_"
# What leaves the bytes of a part as they are.
_UNENCODED = (b"7bit", b"8bit", b"binary")


class FileSink(Protocol):
    """Where a file of a form goes."""

    def write(self, piece: memoryview) -> None:
        """Take a piece, which stays valid for as long as it is referred to."""

    async def flush(self) -> None:
        """Called after each chunk of the body: whatever waits for a disk waits here."""


def media_type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_multipart(
    chunks: AsyncIterator[bytes | bytearray], content_type: str, files: Mapping[str, FileSink]
) -> tuple[dict[str, str], set[str]]:
    """The fields of a multipart form, and which of ``files`` it held.

    A part is a file by its name, whether or not the client gave it a file name; an empty one gives
    way to another of its name. Raises InvalidRequest for a broken form and one that fills a field
    twice, InvalidImage for a file of another name.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("The form is broken: its Content-Type names no boundary.")
    parts = _Parts(files)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.header_name,
                "on_header_value": parts.header_value,
                "on_header_end": parts.header_end,
                "on_headers_finished": parts.headers_end,
                "on_part_data": parts.data,
                "on_part_end": parts.end,
                "on_end": parts.finish,
            },
        )
        async for chunk in _without_preamble(chunks, boundary):
            # pyrefly: ignore[bad-argument-type] (typed bytes, and reads a bytearray as well)
            parser.write(chunk)
            # Not only of the part at hand: another may have begun in the same chunk.
            for file in parts.written:
                await file.flush()
            parts.written.clear()
    except FormParserError as error:
        raise InvalidRequest(_UNDIVIDED) from error
    if not parts.finished:
        raise InvalidRequest("The form is broken: it has no end.")
    return parts.fields, parts.names & files.keys()


async def _without_preamble(
    chunks: AsyncIterator[bytes | bytearray], boundary: bytes
) -> AsyncIterator[bytes | bytearray]:
    """``chunks`` from the first line that is the boundary: a reader is to ignore what comes before
    (RFC 2046, 5.1.1), and the parser refuses it.
    """
    line = re.compile(rb"\r\n(--" + re.escape(boundary) + rb")[ \t]*(?=\r\n)")
    head = bytearray(b"\r\n")  # the body begins a line
    async for chunk in chunks:
        head += chunk
        if found := line.search(head):
            yield found[1] + head[found.end() :]
            break
        del head[: -len(boundary) - _PADDING_BYTES]
    else:
        rest = head.strip()
        if rest and rest != b"--" + boundary + b"--":
            raise InvalidRequest(_UNDIVIDED)
        yield rest  # a form without fields, or without anything
    async for chunk in chunks:
        yield chunk


class _Parts:
    """Follows the parser from part to part."""

    def __init__(self, files: Mapping[str, FileSink]) -> None:
        self.files = files
        self.fields: dict[str, str] = {}
        self.names: set[str] = set()
        self.finished = False
        # Since the last flush:
        self.written: list[FileSink] = []
        # Of the part at hand:
        self.file: FileSink | None = None
        self._name = ""
        self._is_empty = True
        self._text = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        # Of the whole form:
        self._count = 0
        self._filled: set[str] = set()

    def begin(self) -> None:
        self.file = None
        self._name = ""
        self._is_empty = True
        self._text.clear()
        self._headers.clear()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in options:
            raise InvalidRequest("The form is broken: a part has no name.")
        name = self._name = _text(options[b"name"])
        self.names.add(name)
        self._count += 1
        if self._count > _MAX_FIELDS:
            raise InvalidRequest(f"The form has more than {_MAX_FIELDS} fields.")
        self.file = self.files.get(name)
        if self.file is None and b"filename" in options:
            known = f"; there is {' and '.join(self.files)}" if self.files else ""
            raise InvalidImage(f"There is no file field {name[:40]!r} here{known}.")
        encoding = self._headers.get(b"content-transfer-encoding", b"binary").strip().lower()
        if encoding not in _UNENCODED:
            raise InvalidRequest(
                f"The field {name[:40]!r} is encoded ({_text(encoding)[:40]}): send its bytes as"
                " they are, without a Content-Transfer-Encoding (RFC 7578, 4.7)."
            )

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._is_empty:
            self._is_empty = False
            if self._name in self._filled:
                raise InvalidRequest(f"The field {self._name[:40]!r} was sent twice.")
            self._filled.add(self._name)
        if self.file is not None:
            self.file.write(memoryview(data)[start:end])
            if self.file not in self.written:
                self.written.append(self.file)
            return
        if len(self._text) + end - start > _MAX_FIELD_BYTES:
            instead = f"; a file is sent as {' or '.join(self.files)}" if self.files else ""
            raise InvalidRequest(
                f"The field {self._name[:40]!r} is longer than {_MAX_FIELD_BYTES} bytes{instead}."
            )
        self._text += data[start:end]

    def end(self) -> None:
        if self.file is not None or self._name == _CHARSET:
            return
        if not self._is_empty or self._name not in self._filled:
            self.fields[self._name] = _text(self._text)

    def finish(self) -> None:
        self.finished = True


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


async def read_urlencoded(request: Request) -> dict[str, str]:
    """Raises InvalidRequest for a form that is too long, or names a field twice."""
    body = bytearray()
    async with aclosing(request.stream()) as stream:
        async for chunk in stream:
            body += chunk
            if len(body) > FORM_OVERHEAD_BYTES:
                raise InvalidRequest(f"The form is longer than {FORM_OVERHEAD_BYTES} bytes.")
    try:
        pairs = parse_qsl(
            body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS
        )
    except ValueError as error:
        raise InvalidRequest(f"The form has more than {_MAX_FIELDS} fields.") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise InvalidRequest("A field was sent twice.")
    return fields
