"""Deletes pictures of a device: rows first, so that no row ever lacks its file."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.errors import NotFound
from cartoon_avatar.backend.flows.export import delete_exports
from cartoon_avatar.backend.storage.protocol import Storage


async def delete_original(
    database: Database, storage: Storage, *, device_id: str, original_id: str
) -> None:
    """Delete an original with its cartoons and faces. Raises NotFound."""

    def delete(connection: Connection) -> tuple[list[str], list[str]]:
        original = queries.original_to_delete(connection, device_id, original_id)
        if original is None:
            raise NotFound
        its_faces = queries.face_ids(connection, device_id, original_id)
        return queries.remove_original(connection, original), its_faces

    files, its_faces = await database.write(delete)
    await storage.delete(files)
    await delete_exports(storage, its_faces)


async def delete_face(
    database: Database, storage: Storage, *, device_id: str, face_id: str
) -> None:
    """Delete a face with its exports. Raises NotFound."""
    files = await database.write(partial(queries.remove_face, device_id=device_id, face_id=face_id))
    if not files:
        raise NotFound
    await storage.delete(files)
    await delete_exports(storage, [face_id])
