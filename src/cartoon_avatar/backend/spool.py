"""Buffers an uploaded photo: in memory as long as there is room, else on disk."""

from __future__ import annotations

import io
import mmap
from collections.abc import Generator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

from anyio import to_thread
from fastapi import Request

from cartoon_avatar.backend.errors import StorageUnavailable

# Eight photos of a phone. A temporary file costs two more copies and an inode; ext4 without a
# journal skips a deleted inode for minutes, one by one.
_ROOM_BYTES = 16 * 2**20
_LEAST_BYTES = 64 * 2**10


class Memory:
    """The memory budget of all request bodies in flight; what exceeds it is spooled to disk."""

    def __init__(self, free_bytes: int = _ROOM_BYTES) -> None:
        self._free_bytes = free_bytes

    @contextmanager
    def lent(self, request: Request) -> Generator[int]:
        """How many bytes of a file in ``request`` may stay in memory, until the block ends."""
        declared = request.headers.get("content-length", "")
        body_bytes = max(_LEAST_BYTES, int(declared)) if declared.isdecimal() else _LEAST_BYTES
        if body_bytes > self._free_bytes:
            yield _LEAST_BYTES
            return
        self._free_bytes -= body_bytes
        try:
            yield body_bytes
        finally:
            self._free_bytes += body_bytes


class Spool:
    """A file of a form: up to ``in_memory_bytes`` in memory, past that in an unnamed file."""

    def __init__(self, in_memory_bytes: int) -> None:
        self.size_bytes = 0
        self._in_memory_bytes = in_memory_bytes
        self._memory = io.BytesIO()
        self._file: IO[bytes] | None = None
        self._pending: list[memoryview] = []

    def write(self, piece: memoryview) -> None:
        self._pending.append(piece)
        self.size_bytes += len(piece)

    async def flush(self) -> None:
        if self._file is None and self.size_bytes <= self._in_memory_bytes:
            self._memory.writelines(self._pending)
        else:
            await to_thread.run_sync(self._write_to_disk)
        self._pending.clear()

    def _write_to_disk(self) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 (``close`` closes it)
            self._file.write(self._memory.getbuffer())
            self._memory = io.BytesIO()
        self._file.writelines(self._pending)

    def contents(self) -> bytes | mmap.mmap:
        """The whole file. It outlives ``close``: a mapping goes with the last view into it."""
        if self._file is None:
            return self._memory.getvalue()  # of a BytesIO no copy
        self._file.flush()
        try:
            return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:  # it takes a file descriptor of its own
            raise StorageUnavailable from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
