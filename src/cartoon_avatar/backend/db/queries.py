"""What is asked of the database; each reads as its answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    Connection,
    Row,
    String,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from cartoon_avatar.backend.db.tables import (
    Cartoon,
    Device,
    Face,
    IdempotencyKey,
    Milliseconds,
    Original,
    SpentCartoon,
)

# Where a page ended: the time and id of its last row.
Position = tuple[datetime, str]


# What every upload asks, for Database.read and write. Built once: building a statement and
# finding it among the compiled ones takes longer than SQLite does.
_CARTOON_COUNT = (
    select(func.count())
    .select_from(Cartoon)
    .where(Cartoon.device_id == bindparam("of"))
    .scalar_subquery()
)
_DEVICE = select(Device.__table__, _CARTOON_COUNT.label("live_cartoons")).where(
    Device.device_id == bindparam("of")
)
_TOUCH = update(Device.__table__).where(Device.device_id == bindparam("of"))
_TOUCHED = _TOUCH.values(last_active_at=bindparam("now"))
_LOCKED = _TOUCH.values(last_active_at=bindparam("now"), locked=True)
_INSERTS = {
    table: (insert(table.__table__), [column.name for column in table.__table__.columns])
    for table in (Original, Cartoon)
}


def device_of(connection: Connection, device_id: str) -> Row | None:
    """The device, and ``live_cartoons``, how many it has."""
    return connection.execute(_DEVICE, {"of": device_id}).first()


def touch_device(
    connection: Connection, device_id: str, now: datetime, *, lock: bool = False
) -> bool:
    """False if the device is gone."""
    touched = connection.execute(_LOCKED if lock else _TOUCHED, {"of": device_id, "now": now})
    return touched.rowcount == 1


def add(connection: Connection, row: Original | Cartoon) -> None:
    statement, names = _INSERTS[type(row)]
    connection.execute(statement, {name: getattr(row, name) for name in names})


def added(connection: Connection, row: Device | IdempotencyKey) -> bool:
    """Insert ``row`` unless its primary key is there; True if this call inserted it."""
    table = row.__table__
    # The engine has loaded its own dialect; the other one would make every start later.
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert
    values = {column.name: getattr(row, column.name) for column in table.columns}
    statement = insert(table).values(values).on_conflict_do_nothing()
    return connection.execute(statement).rowcount == 1


async def original_of(session: AsyncSession, device_id: str, original_id: str) -> Original | None:
    return await session.scalar(
        select(Original).where(Original.id == original_id, Original.device_id == device_id)
    )


async def hold_original(session: AsyncSession, device_id: str, original_id: str) -> bool:
    """Keep the original from being deleted until the transaction ends; False if it is gone.

    For a transaction that adds what belongs to it. (On SQLite writers are alone anyway.)
    """
    query = select(Original.id).where(Original.id == original_id, Original.device_id == device_id)
    held = await session.scalar(query.with_for_update(read=True, key_share=True))
    return held is not None


async def original_to_delete(
    session: AsyncSession, device_id: str, original_id: str
) -> Original | None:
    """Once whoever holds it is done: what they added is there to be listed."""
    query = select(Original).where(Original.id == original_id, Original.device_id == device_id)
    return await session.scalar(query.with_for_update())


async def cartoon_of(session: AsyncSession, device_id: str, cartoon_id: str) -> Cartoon | None:
    return await session.scalar(
        select(Cartoon).where(Cartoon.id == cartoon_id, Cartoon.device_id == device_id)
    )


async def face_of(session: AsyncSession, device_id: str, face_id: str) -> Face | None:
    return await session.scalar(select(Face).where(Face.id == face_id, Face.device_id == device_id))


async def face_from(session: AsyncSession, device_id: str, cartoon_id: str) -> Face | None:
    """The face that was cut out of this cartoon."""
    return await session.scalar(
        select(Face).where(Face.source_cartoon_id == cartoon_id, Face.device_id == device_id)
    )


async def is_spent(session: AsyncSession, device_id: str, cartoon_id: str) -> bool:
    """Whether the cartoon went when a sister of it was downloaded."""
    return bool(
        await session.scalar(
            select(SpentCartoon.cartoon_id).where(
                SpentCartoon.cartoon_id == cartoon_id,
                SpentCartoon.device_id == device_id,
            )
        )
    )


async def originals_of(
    session: AsyncSession, device_id: str, after: Position | None, limit: int
) -> Sequence[Original]:
    return await _newest_first(session, Original, device_id, after, limit)


async def faces_of(
    session: AsyncSession, device_id: str, after: Position | None, limit: int
) -> Sequence[Face]:
    return await _newest_first(session, Face, device_id, after, limit)


async def _newest_first(session, table, device_id, after, limit):
    """Keyset pagination: a page costs the same wherever it lies."""
    query = select(table).where(table.device_id == device_id)
    if after is not None:
        created_at, row_id = after
        # Typed by hand: a tuple hands its columns' types on to nobody.
        end = tuple_(literal(created_at, Milliseconds), literal(row_id, String))
        query = query.where(tuple_(table.created_at, table.id) < end)
    query = query.order_by(table.created_at.desc(), table.id.desc()).limit(limit)
    return (await session.scalars(query)).all()


async def cartoons_of(session: AsyncSession, original_id: str) -> Sequence[Cartoon]:
    """The live cartoons of an original, oldest first."""
    query = (
        select(Cartoon)
        .where(Cartoon.original_id == original_id)
        .order_by(Cartoon.created_at, Cartoon.id)
    )
    return (await session.scalars(query)).all()


async def remove_cartoons_of(session: AsyncSession, original_id: str) -> dict[str, str]:
    """Delete the cartoon rows of an original; returns id → file path of what went."""
    gone = await session.execute(
        delete(Cartoon)
        .where(Cartoon.original_id == original_id)
        .returning(Cartoon.id, Cartoon.file_path)
    )
    return {row.id: row.file_path for row in gone}


async def remove_expired_cartoons(
    session: AsyncSession, created_before: datetime, limit: int
) -> list[str]:
    """Delete up to ``limit`` of the oldest expired cartoon rows; returns their file paths."""
    oldest = (
        select(Cartoon.id)
        .where(Cartoon.created_at < created_before)
        .order_by(Cartoon.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = await session.scalars(
        delete(Cartoon).where(Cartoon.id.in_(oldest)).returning(Cartoon.file_path)
    )
    return list(gone)


async def files_of_original(session: AsyncSession, original: Original) -> list[str]:
    cartoons = await session.scalars(
        select(Cartoon.file_path).where(Cartoon.original_id == original.id)
    )
    faces = await session.execute(
        select(Face.file_path, Face.thumbnail_path).where(Face.original_id == original.id)
    )
    return [
        original.file_path,
        original.thumbnail_path,
        *cartoons,
        *(path for face in faces for path in face),
    ]


async def files_of_device(session: AsyncSession, device_id: str) -> list[str]:
    """Keeps the device's originals from changing until the transaction ends."""
    await session.execute(
        select(Device.device_id).where(Device.device_id == device_id).with_for_update()
    )
    await session.execute(
        select(Original.id).where(Original.device_id == device_id).with_for_update()
    )
    paths = []
    for columns in (
        (Original.file_path, Original.thumbnail_path),
        (Cartoon.file_path,),
        (Face.file_path, Face.thumbnail_path),
    ):
        table = columns[0].class_
        rows = await session.execute(select(*columns).where(table.device_id == device_id))
        paths.extend(path for row in rows for path in row)
    return paths


async def remove_device(session: AsyncSession, device_id: str) -> None:
    await session.execute(delete(Device).where(Device.device_id == device_id))
    for table in (IdempotencyKey, SpentCartoon):
        await session.execute(delete(table).where(table.device_id == device_id))


async def owned_among(session: AsyncSession, keys: Sequence[str]) -> set[str]:
    """Those of ``keys`` that some row names."""
    owned: set[str] = set()
    for column in (
        Original.file_path,
        Original.thumbnail_path,
        Cartoon.file_path,
        Face.file_path,
        Face.thumbnail_path,
    ):
        owned.update(await session.scalars(select(column).where(column.in_(keys))))
    return owned


async def owns_file(session: AsyncSession, device_id: str, key: str) -> bool:
    """Whether a row of this device names the file ``key`` (not its thumbnail)."""
    for table in (Original, Cartoon, Face):
        query = select(table.id).where(table.file_path == key, table.device_id == device_id)
        if await session.scalar(query):
            return True
    return False


async def set_last_style(session: AsyncSession, original_id: str, style: str) -> None:
    await session.execute(
        update(Original).where(Original.id == original_id).values(last_style=style)
    )


async def last_style_of(session: AsyncSession, original_id: str) -> str | None:
    """Locks the row, where the database can, for a read that a write follows."""
    return await session.scalar(
        select(Original.last_style).where(Original.id == original_id).with_for_update()
    )


async def remove_idempotency_keys(session: AsyncSession, created_before: datetime) -> None:
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < created_before))
