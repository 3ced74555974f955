"""Lists what a device has, a page at a time."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Generic, TypeVar

from sqlalchemy import Connection

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import Cartoon, Face, Original
from cartoon_avatar.backend.errors import InvalidCursor, NotFound

Row = TypeVar("Row", Original, Face)
Item = TypeVar("Item")

_POSITION = re.compile(r"([0-9]{1,15})\.([0-9a-f]{1,32})")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    rows: Sequence[Item]
    next_cursor: str | None


async def list_originals(
    database: Database, *, device_id: str, cursor: str | None, limit: int
) -> Page[Original]:
    return await _page(database, Original, device_id, cursor, limit)


async def list_faces(
    database: Database, *, device_id: str, cursor: str | None, limit: int
) -> Page[Face]:
    return await _page(database, Face, device_id, cursor, limit)


async def one_original(
    database: Database, *, device_id: str, original_id: str
) -> tuple[Original, Sequence[Cartoon]]:
    """An original with its live cartoons, oldest first. Raises NotFound."""

    def found(connection: Connection) -> tuple[Original, Sequence[Cartoon]]:
        original = queries.original_of(connection, device_id, original_id)
        if original is None:
            raise NotFound
        return original, queries.cartoons_of(connection, original_id)

    return await database.read(found)


async def _page(
    database: Database,
    kind: type[Row],
    device_id: str,
    cursor: str | None,
    limit: int,
) -> Page[Row]:
    after = None if cursor is None else position_in(cursor)
    # One more than asked for tells whether there is a next page.
    rows = await database.read(
        partial(queries.newest_of, kind=kind, device_id=device_id, after=after, limit=limit + 1)
    )
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], cursor_of(last.created_at, last.id))


def cursor_of(created_at: datetime, row_id: str) -> str:
    position = f"{round(created_at.timestamp() * 1000)}.{row_id}"
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def position_in(cursor: str) -> queries.Position:
    """Reverses ``cursor_of``. Raises InvalidCursor."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = _POSITION.fullmatch(base64.b64decode(padded, b"-_", True).decode("ascii"))
        if position is None:
            raise InvalidCursor
        return datetime.fromtimestamp(int(position[1]) / 1000, UTC), position[2]
    except (binascii.Error, ValueError, OverflowError, OSError) as error:
        raise InvalidCursor from error
