"""An uploaded photo: its type, and its bytes without metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cartoon_avatar.backend.errors import FileTooLarge, InvalidImage
from cartoon_avatar.backend.spool import Spool
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import NewFile, StoredFile
from cartoon_avatar.containers import BrokenImage
from cartoon_avatar.containers.clean import without_metadata
from cartoon_avatar.containers.sniff import HEAD_BYTES, media_type_of
from cartoon_avatar.contract.media_types import IMAGE_TYPES


@dataclass(frozen=True, slots=True)
class Photo:
    """``pieces`` joined are the file to keep, ``stored`` where it is kept already; ``mime_type``
    was read from it."""

    pieces: Sequence[bytes | memoryview]
    mime_type: str
    stored: StoredFile | None = None


def open_photo(file: Spool, *, max_bytes: int, keep_metadata: bool) -> Photo:
    """Raises InvalidImage for what is no picture by its content, FileTooLarge past the limit.

    Metadata goes before anybody else sees the photo: the AI service draws the first cartoon
    from the same bytes as the later ones.
    """
    if file.size_bytes > max_bytes:
        raise FileTooLarge(max_bytes)
    if file.size_bytes == 0:
        raise InvalidImage("The file is empty.")
    data = file.contents()
    mime_type = media_type_of(data[:HEAD_BYTES])
    if mime_type is None:
        raise InvalidImage
    if keep_metadata:
        return Photo([memoryview(data)], mime_type)
    try:
        return Photo(without_metadata(data, mime_type), mime_type)
    except BrokenImage as error:
        raise InvalidImage("The image is broken or incomplete.") from error


def sha256_of(photo: Photo) -> str:
    if photo.stored is not None:
        return photo.stored.sha256
    digest = hashlib.sha256()
    for piece in photo.pieces:
        digest.update(piece)
    return digest.hexdigest()


def photo_file(
    photo: Photo, device_id: str, now: datetime, thumbnail: bytes | None = None
) -> NewFile:
    names = keys.new_keys("originals", device_id, IMAGE_TYPES[photo.mime_type], now)
    return NewFile(names, photo.pieces, photo.mime_type, thumbnail)
