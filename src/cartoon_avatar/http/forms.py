"""A form on its way in: its fields, and at most one file, in memory where there is room for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from fastapi import Request
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from cartoon_avatar.contract.errors import InvalidRequest

# Ours are a few words each; a form of many or long fields is not ours.
_MAX_FIELDS = 16
_MAX_FIELD_BYTES = 4096
# For eight photos as phones take them. A file that goes by way of the disk costs two copies more
# and an inode, deleted a moment later, which ext4 without a journal walks past for minutes.
_ROOM_BYTES = 16 * 2**20
_LEAST_BYTES = 64 * 2**10


class Memory:
    """For the bodies that are here at once; what finds no room in it waits on the disk."""

    def __init__(self, free_bytes: int = _ROOM_BYTES) -> None:
        self._free_bytes = free_bytes

    @contextmanager
    def lent(self, request: Request) -> Iterator[int]:
        """How many bytes of a file in ``request`` may stay in memory, until the block ends."""
        declared = request.headers.get("content-length", "")
        # Never 0, which to a spooled file means that there is no end to it.
        body_bytes = max(_LEAST_BYTES, int(declared)) if declared.isdecimal() else _LEAST_BYTES
        if body_bytes > self._free_bytes:
            yield _LEAST_BYTES
            return
        self._free_bytes -= body_bytes
        try:
            yield body_bytes
        finally:
            self._free_bytes += body_bytes


async def read_form(request: Request, kind: str, *, in_memory_bytes: int) -> dict[str, Any]:
    """The fields of a form of media type ``kind``, a file among them as an UploadFile for the
    caller to close.

    Raises InvalidRequest for a broken form, and one that names a field twice.
    """
    async with aclosing(request.stream()) as stream:
        if kind == "multipart/form-data":
            parser = _Parser(
                request.headers,
                stream,
                max_files=1,
                max_fields=_MAX_FIELDS,
                max_part_size=_MAX_FIELD_BYTES,
            )
            parser.spool_max_size = in_memory_bytes
        else:
            parser = FormParser(
                request.headers, stream, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES
            )
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise InvalidRequest(f"The form is broken: {error.message}") from error
    if len(form.multi_items()) > len(form):
        await form.close()
        raise InvalidRequest("A field was sent twice.")
    return dict(form)


class _Parser(MultiPartParser):
    """Starlette's, without a copy of each piece of a file."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            super().on_part_data(data, start, end)
        else:
            piece = memoryview(data)[start:end]
            self._file_parts_to_write.append((self._current_part, piece))
