"""A photo on its way in: a spooled file seen as bytes, without holding it in memory."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from cartoon_avatar.backend.errors import FileTooLarge, InvalidImage
from cartoon_avatar.backend.metadata import image_type


@dataclass(frozen=True, slots=True)
class Photo:
    """``data`` is the whole file; ``mime_type`` was read from it."""

    data: bytes | mmap.mmap
    mime_type: str

    def open(self) -> BinaryIO:
        """A reader with a position of its own: two requests may send the photo at once."""
        if isinstance(self.data, bytes):
            return io.BytesIO(self.data)
        return io.BufferedReader(_View(self.data))


@contextmanager
def open_photo(file: SpooledTemporaryFile[bytes], max_bytes: int) -> Iterator[Photo]:
    """Raises InvalidImage for what is no picture by its content, FileTooLarge past the limit."""
    file.seek(0, io.SEEK_END)
    size_bytes = file.tell()
    file.seek(0)
    if size_bytes > max_bytes:
        raise FileTooLarge(max_bytes)
    if size_bytes == 0:
        raise InvalidImage("The file is empty.")
    mime_type = image_type(file.read(64))
    if mime_type is None:
        raise InvalidImage(
            "The file is not an image of an accepted type"
            " (JPEG, PNG, WebP, HEIC, AVIF or GIF, by content)."
        )
    file.seek(0)
    if not file._rolled:  # noqa: SLF001 (small: it never left memory, and has no descriptor)
        yield Photo(file.read(), mime_type)
        return
    # Not closed by hand: views into it may outlive us by a moment, and closing would fail.
    yield Photo(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), mime_type)


class _View(io.RawIOBase):
    """Reads a memory map from a position of its own."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._position,
            io.SEEK_END: len(self._data),
        }
        self._position = start[whence] + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        chunk = self._data[self._position : self._position + len(buffer)]
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)
