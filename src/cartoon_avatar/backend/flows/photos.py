"""A photo on its way in: a spooled file seen as pieces, without holding it in memory."""

from __future__ import annotations

import io
import mmap
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from cartoon_avatar.backend.errors import FileTooLarge, InvalidImage
from cartoon_avatar.backend.metadata import BrokenImage, image_type, without_metadata


@dataclass(frozen=True, slots=True)
class Photo:
    """``pieces`` joined are the file to keep; ``mime_type`` was read from it."""

    pieces: Sequence[bytes | memoryview]
    mime_type: str

    def open(self) -> BinaryIO:
        """A reader with a position of its own: two requests may send the photo at once."""
        return io.BufferedReader(_Joined(self.pieces))


def open_photo(file: SpooledTemporaryFile[bytes], *, max_bytes: int, keep_metadata: bool) -> Photo:
    """Raises InvalidImage for what is no picture by its content, FileTooLarge past the limit.

    Metadata goes before anybody else sees the photo: the AI service draws the first cartoon
    from the same bytes as the later ones.
    """
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
    data: bytes | mmap.mmap
    if file._rolled:
        # Not closed by hand: the pieces are views into it, and it goes with the last of them.
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    else:
        data = file.read()
    if keep_metadata:
        return Photo([memoryview(data)], mime_type)
    try:
        return Photo(without_metadata(data, mime_type), mime_type)
    except BrokenImage as error:
        raise InvalidImage("The image is broken or incomplete.") from error


class _Joined(io.RawIOBase):
    """Reads pieces as one file."""

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._pieces = [memoryview(piece) for piece in pieces if len(piece)]
        self._ends = list(accumulate(len(piece) for piece in self._pieces))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._ends[-1]}
        self._position = start[whence] + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        index = bisect_right(self._ends, self._position)
        if index == len(self._pieces):
            return 0
        piece = self._pieces[index]
        first = self._position - (self._ends[index] - len(piece))
        chunk = piece[first : first + len(buffer)]
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)
