"""What a device has."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import Cartoon, Face, Original
from cartoon_avatar.backend.errors import InvalidCursor, NotFound
from cartoon_avatar.backend.storage.protocol import Storage

Row = TypeVar("Row")

_POSITION = re.compile(r"([0-9]{1,15})\.([0-9a-f]{1,32})")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    next_cursor: str | None


async def list_originals(
    database: Database, *, device_id: str, cursor: str | None, limit: int
) -> Page[Original]:
    return await _page(database, queries.originals_of, device_id, cursor, limit)


async def list_faces(
    database: Database, *, device_id: str, cursor: str | None, limit: int
) -> Page[Face]:
    return await _page(database, queries.faces_of, device_id, cursor, limit)


async def one_original(
    database: Database, *, device_id: str, original_id: str
) -> tuple[Original, Sequence[Cartoon]]:
    """An original with its live cartoons, oldest first."""
    async with database.reading() as session:
        original = await queries.original_of(session, device_id, original_id)
        if original is None:
            raise NotFound
        return original, await queries.cartoons_of(session, original_id)


async def delete_original(
    database: Database, storage: Storage, *, device_id: str, original_id: str
) -> None:
    """Delete an original with its cartoons and faces."""
    async with database.writing.begin() as session:
        original = await queries.original_to_delete(session, device_id, original_id)
        if original is None:
            raise NotFound
        files = await queries.files_of_original(session, original)
        await session.delete(original)
    await storage.delete(files)


async def delete_face(
    database: Database, storage: Storage, *, device_id: str, face_id: str
) -> None:
    async with database.writing.begin() as session:
        face = await queries.face_of(session, device_id, face_id)
        if face is None:
            raise NotFound
        await session.delete(face)
    await storage.delete([face.file_path, face.thumbnail_path])


async def _page(
    database: Database,
    rows_of: Callable[..., Awaitable[Sequence[Original | Face]]],
    device_id: str,
    cursor: str | None,
    limit: int,
) -> Page:
    after = None if cursor is None else _position(cursor)
    async with database.reading() as session:
        # One more than asked for tells whether there is a next page.
        rows = await rows_of(session, device_id, after, limit + 1)
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], _cursor(rows[limit - 1]))


def _cursor(row: Original | Face) -> str:
    position = f"{round(row.created_at.timestamp() * 1000)}.{row.id}"
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def _position(cursor: str) -> queries.Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = _POSITION.fullmatch(base64.b64decode(padded, b"-_", True).decode("ascii"))
        if position is None:
            raise InvalidCursor
        return datetime.fromtimestamp(int(position[1]) / 1000, UTC), position[2]
    except (binascii.Error, ValueError, OverflowError, OSError) as error:
        raise InvalidCursor from error
