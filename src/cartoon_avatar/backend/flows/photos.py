"""A photo on its way in: a spooled file seen as pieces, without holding it in memory."""

from __future__ import annotations

import io
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile

from cartoon_avatar.backend.errors import FileTooLarge, InvalidImage, StorageUnavailable
from cartoon_avatar.containers import BrokenImage
from cartoon_avatar.containers.clean import without_metadata
from cartoon_avatar.containers.sniff import HEAD_BYTES, media_type_of


@dataclass(frozen=True, slots=True)
class Photo:
    """``pieces`` joined are the file to keep; ``mime_type`` was read from it."""

    pieces: Sequence[bytes | memoryview]
    mime_type: str


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
    mime_type = media_type_of(file.read(HEAD_BYTES))
    if mime_type is None:
        raise InvalidImage(
            "The file is not an image of an accepted type"
            " (JPEG, PNG, WebP, HEIC, AVIF or GIF, by content)."
        )
    file.seek(0)
    data: bytes | mmap.mmap
    if file._rolled:
        # Not closed by hand: the pieces are views into it, and it goes with the last of them.
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:  # it takes a file descriptor of its own
            raise StorageUnavailable from error
    else:
        data = file._file.getvalue()  # type: ignore[union-attr] (reading would copy it)
    if keep_metadata:
        return Photo([memoryview(data)], mime_type)
    try:
        return Photo(without_metadata(data, mime_type), mime_type)
    except BrokenImage as error:
        raise InvalidImage("The image is broken or incomplete.") from error
