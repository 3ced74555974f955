"""Queries of the database; each is named after its result.

Statements that every request asks are built once: building one and finding it among the
compiled ones takes longer than SQLite does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Executable,
    Insert,
    Row,
    Select,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from cartoon_avatar.backend.db.tables import (
    TABLE_OF,
    Cartoon,
    Face,
    Milliseconds,
    Original,
    cartoons,
    consents,
    devices,
    faces,
    jobs,
    originals,
    spent_cartoons,
)

# Where a page ended: the time and id of its last row.
Position = tuple[datetime, str]
# A row that owns a file.
P = TypeVar("P", Original, Cartoon, Face)

_LIVE_CARTOONS = (
    select(func.count()).select_from(cartoons).where(cartoons.c.device_id == bindparam("of"))
)
_DEVICE = select(devices, _LIVE_CARTOONS.scalar_subquery().label("live_cartoons")).where(
    devices.c.device_id == bindparam("of")
)
_TOUCH = update(devices).where(devices.c.device_id == bindparam("of"))
_TOUCHED = _TOUCH.values(last_active_at=bindparam("now"))
_LOCKED = _TOUCH.values(last_active_at=bindparam("now"), locked=True)


def device_of(connection: Connection, device_id: str) -> Row[*tuple[Any, ...]] | None:
    """The device, and ``live_cartoons``, how many it has."""
    return connection.execute(_DEVICE, {"of": device_id}).first()


def touch_device(
    connection: Connection, device_id: str, now: datetime, *, lock: bool = False
) -> bool:
    """False if the device is gone."""
    touched = connection.execute(_LOCKED if lock else _TOUCHED, {"of": device_id, "now": now})
    return touched.rowcount == 1


_INSERTS = {kind: (insert(table), table.columns.keys()) for kind, table in TABLE_OF.items()}


def add(connection: Connection, row: Original | Cartoon | Face) -> None:
    statement, names = _INSERTS[type(row)]
    connection.execute(statement, {name: getattr(row, name) for name in names})


def added(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert ``row`` unless its primary key is there; True if this call inserted it."""
    return connection.execute(_insert_new(table, connection.dialect.name), row).rowcount == 1


@cache
def _insert_new(table: Table, dialect: str) -> Insert:
    # Imported here: the dialect that is not in use would only make each start slower.
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert
    return insert(table).on_conflict_do_nothing()


_OWNED = {
    kind: select(table).where(table.c.id == bindparam("id"), table.c.device_id == bindparam("of"))
    for kind, table in TABLE_OF.items()
}


def original_of(connection: Connection, device_id: str, original_id: str) -> Original | None:
    return _first(connection, Original, _OWNED[Original], {"of": device_id, "id": original_id})


def cartoon_of(connection: Connection, device_id: str, cartoon_id: str) -> Cartoon | None:
    return _first(connection, Cartoon, _OWNED[Cartoon], {"of": device_id, "id": cartoon_id})


def hold_original(connection: Connection, device_id: str, original_id: str) -> bool:
    """Keep the original from being deleted until the transaction ends; False if it is gone.

    For a transaction that adds what belongs to it. (On SQLite writers are alone anyway.)
    """
    held = _OWNED[Original].with_for_update(read=True, key_share=True)
    return connection.execute(held, {"of": device_id, "id": original_id}).first() is not None


def original_to_delete(connection: Connection, device_id: str, original_id: str) -> Original | None:
    """Wait until no transaction holds the original: what they added can then be listed."""
    held = _OWNED[Original].with_for_update()
    return _first(connection, Original, held, {"of": device_id, "id": original_id})


_HELD_DEVICE = (
    select(devices.c.device_id)
    .where(devices.c.device_id == bindparam("of"))
    .with_for_update(key_share=True)
)


def live_cartoons(connection: Connection, device_id: str) -> int:
    """How many live cartoons the device has; locks the device, so that none is added until the
    transaction ends."""
    connection.execute(_HELD_DEVICE, {"of": device_id})
    return connection.scalar(_LIVE_CARTOONS, {"of": device_id}) or 0


def face_from(connection: Connection, device_id: str, cartoon_id: str) -> Face | None:
    """The face that was cut out of this cartoon."""
    query = select(faces).where(
        faces.c.source_cartoon_id == cartoon_id, faces.c.device_id == device_id
    )
    return _first(connection, Face, query)


def face_of(connection: Connection, device_id: str, face_id: str) -> Face | None:
    return _first(connection, Face, _OWNED[Face], {"of": device_id, "id": face_id})


def face_ids(connection: Connection, device_id: str, original_id: str | None = None) -> list[str]:
    """Of the device's faces, or of those of one original."""
    its = select(faces.c.id).where(faces.c.device_id == device_id)
    if original_id is not None:
        its = its.where(faces.c.original_id == original_id)
    return list(connection.scalars(its))


def faces_among(connection: Connection, face_ids: Iterable[str]) -> set[str]:
    """Those of ``face_ids`` that are there."""
    return set(connection.scalars(select(faces.c.id).where(faces.c.id.in_(list(face_ids)))))


def is_spent(connection: Connection, device_id: str, cartoon_id: str) -> bool:
    """Whether the cartoon went when another of its photo was downloaded."""
    query = select(spent_cartoons.c.cartoon_id).where(
        spent_cartoons.c.cartoon_id == cartoon_id, spent_cartoons.c.device_id == device_id
    )
    return connection.scalar(query) is not None


def note_spent(connection: Connection, face: Face, cartoon_ids: Iterable[str]) -> None:
    rows = [
        {"cartoon_id": spent, "device_id": face.device_id, "face_id": face.id}
        for spent in cartoon_ids
    ]
    if rows:  # an empty list would insert a row of nothing
        connection.execute(insert(spent_cartoons), rows)


def _newest_first(table: Table) -> tuple[Select[*tuple[Any, ...]], Select[*tuple[Any, ...]]]:
    """The first page and a later one: by key, so that a page costs the same wherever it lies."""
    place = tuple_(table.c.created_at, table.c.id)
    # Typed by hand: the type of a tuple loses those of its columns.
    end = tuple_(bindparam("created_at", type_=Milliseconds), bindparam("id", type_=String))
    first = (
        select(table)
        .where(table.c.device_id == bindparam("of"))
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(bindparam("limit"))
    )
    return first, first.where(place < end)


_PAGES = {kind: _newest_first(TABLE_OF[kind]) for kind in (Original, Face)}


def newest_of(
    connection: Connection, kind: type[P], device_id: str, after: Position | None, limit: int
) -> list[P]:
    """The device's originals or faces, newest first."""
    first, later = _PAGES[kind]
    wanted = {"of": device_id, "limit": limit}
    if after is None:
        return _all(connection, kind, first, wanted)
    return _all(connection, kind, later, wanted | {"created_at": after[0], "id": after[1]})


def live_cartoons_of(connection: Connection, device_id: str) -> list[Cartoon]:
    """All of a device's, of which there are few, oldest first."""
    query = select(cartoons).where(cartoons.c.device_id == device_id)
    return _all(connection, Cartoon, query.order_by(cartoons.c.created_at, cartoons.c.id))


_CARTOONS = (
    select(cartoons)
    .where(cartoons.c.original_id == bindparam("of"))
    .order_by(cartoons.c.created_at, cartoons.c.id)
)


def cartoons_of(connection: Connection, original_id: str) -> list[Cartoon]:
    """The live cartoons of an original, oldest first."""
    return _all(connection, Cartoon, _CARTOONS, {"of": original_id})


def rows_after(connection: Connection, kind: type[P], last_id: str, limit: int) -> list[P]:
    """Of every device, by id."""
    table = TABLE_OF[kind]
    query = select(table).where(table.c.id > last_id).order_by(table.c.id).limit(limit)
    return _all(connection, kind, query)


_DRAWN_AS = (
    select(cartoons)
    .where(cartoons.c.device_id == bindparam("of"), cartoons.c.drawing_key == bindparam("key"))
    .order_by(cartoons.c.created_at.desc(), cartoons.c.id)
    .limit(1)
)


_OF_SIZE = (
    select(originals.c.id)
    .where(originals.c.device_id == bindparam("of"), originals.c.file_size == bindparam("size"))
    .limit(1)
)


def has_original_of_size(connection: Connection, device_id: str, size_bytes: int) -> bool:
    return connection.scalar(_OF_SIZE, {"of": device_id, "size": size_bytes}) is not None


def cartoon_drawn_as(
    connection: Connection, device_id: str, drawing_key: str
) -> tuple[Cartoon, Original] | None:
    """The device's newest cartoon with these pixels, and its photo."""
    cartoon = _first(connection, Cartoon, _DRAWN_AS, {"of": device_id, "key": drawing_key})
    if cartoon is None:
        return None
    original = original_of(connection, device_id, cartoon.original_id)
    return None if original is None else (cartoon, original)


def remove_cartoons_of(connection: Connection, original_id: str) -> dict[str, list[str]]:
    """Delete the cartoon rows of an original; returns id → files of what went."""
    gone = connection.execute(
        delete(cartoons)
        .where(cartoons.c.original_id == original_id)
        .returning(cartoons.c.id, *_FILES[cartoons])
    )
    return {row.id: [path for path in row[1:] if path is not None] for row in gone}


def remove_expired_cartoons(
    connection: Connection, created_before: datetime, limit: int
) -> list[list[str]]:
    """Delete up to ``limit`` of the oldest expired cartoon rows; returns the files of each."""
    oldest = (
        select(cartoons.c.id)
        .where(cartoons.c.created_at < created_before)
        .order_by(cartoons.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(cartoons).where(cartoons.c.id.in_(oldest)).returning(*_FILES[cartoons])
    return [[path for path in row if path is not None] for row in connection.execute(gone)]


# Jobs first: their photos become originals', and who looks at the originals before that and at the
# jobs after it would see no owner.
_FILES = {
    jobs: (jobs.c.photo_path,),
    originals: (originals.c.file_path, originals.c.thumbnail_path),
    cartoons: (cartoons.c.file_path, cartoons.c.thumbnail_path),
    faces: (faces.c.file_path, faces.c.thumbnail_path),
}


def remove_original(connection: Connection, original: Original) -> list[str]:
    """Delete an original with its cartoons and faces; returns their files."""
    paths = [original.file_path, original.thumbnail_path]
    for table in (cartoons, faces):
        its = select(*_FILES[table]).where(table.c.original_id == original.id)
        paths += _paths(connection, its)
    connection.execute(delete(originals).where(originals.c.id == original.id))
    return paths


def remove_face(connection: Connection, device_id: str, face_id: str) -> list[str]:
    """Delete a face; returns its files, none if there is no such face."""
    return _remove_picture(connection, faces, device_id, face_id)


def remove_cartoon(connection: Connection, device_id: str, cartoon_id: str) -> list[str]:
    """Delete a cartoon; returns its files, none if there is no such cartoon."""
    return _remove_picture(connection, cartoons, device_id, cartoon_id)


def _remove_picture(
    connection: Connection, table: Table, device_id: str, picture_id: str
) -> list[str]:
    its = (table.c.id == picture_id, table.c.device_id == device_id)
    return _paths(connection, delete(table).where(*its).returning(*_FILES[table]))


def remove_device(connection: Connection, device_id: str) -> list[str]:
    """Delete everything of a device; returns the files.

    Its originals are held first: what is being added to them is there to be listed then.
    """
    for key, table in ((devices.c.device_id, devices), (originals.c.id, originals)):
        held = select(key).where(table.c.device_id == device_id).with_for_update()
        connection.execute(held).all()
    paths: list[str] = []
    for table, columns in _FILES.items():
        its = select(*columns).where(table.c.device_id == device_id)
        paths += _paths(connection, its)
    for table in (devices, jobs, spent_cartoons, consents):
        connection.execute(delete(table).where(table.c.device_id == device_id))
    return paths


def owned_among(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Those of ``keys`` that some row names."""
    owned: set[str] = set()
    for columns in _FILES.values():
        for column in columns:
            owned.update(connection.scalars(select(column).where(column.in_(keys))))
    return owned


def owns_file(connection: Connection, device_id: str, key: str) -> bool:
    """Whether a row of this device names the file ``key`` (not its thumbnail)."""
    for table in TABLE_OF.values():
        query = select(table.c.id).where(table.c.file_path == key, table.c.device_id == device_id)
        if connection.scalar(query):
            return True
    return False


def set_last_style(connection: Connection, original_id: str, style: str) -> None:
    connection.execute(
        update(originals).where(originals.c.id == original_id).values(last_style=style)
    )


def last_style_of(connection: Connection, original_id: str) -> str | None:
    """Locks the row, where the database can, for a read that a write follows."""
    return connection.scalar(
        select(originals.c.last_style).where(originals.c.id == original_id).with_for_update()
    )


def _first(
    connection: Connection, kind: type[P], query: Executable, wanted: dict[str, Any] | None = None
) -> P | None:
    row = connection.execute(query, wanted).first()
    return None if row is None else kind(*row)


def _all(
    connection: Connection, kind: type[P], query: Executable, wanted: dict[str, Any] | None = None
) -> list[P]:
    return [kind(*row) for row in connection.execute(query, wanted)]


def _paths(connection: Connection, query: Executable) -> list[str]:
    return [path for row in connection.execute(query) for path in row if path is not None]
