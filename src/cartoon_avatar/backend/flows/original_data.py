"""Photos and faces of a server of the original design, taken over with their ids and names.

It kept rows in MongoDB and files below its project folder; `mongoexport` writes a row a line.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from anyio import to_thread
from sqlalchemy import Connection

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import Face, Original
from cartoon_avatar.backend.flows.cartoons import file_columns
from cartoon_avatar.backend.flows.devices import introduce
from cartoon_avatar.backend.flows.new_files import discarding
from cartoon_avatar.backend.signing import Signer
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import NewFile, Storage
from cartoon_avatar.containers import BrokenImage
from cartoon_avatar.containers.clean import without_metadata
from cartoon_avatar.containers.sniff import HEAD_BYTES, media_type_of
from cartoon_avatar.contract.errors import ImageTooLarge, InvalidImage
from cartoon_avatar.contract.media_types import IMAGE_TYPES

ORIGINALS, FACES = "originals.json", "downloaded_faces.json"
_KINDS: dict[str, type[Original | Face]] = {ORIGINALS: Original, FACES: Face}


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a picture shows; lengths in pixels, upright. ``thumbnail`` is a WebP file."""

    width: int
    height: int
    face_count: int
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Server:
    """``export`` holds what mongoexport wrote, ``root`` the folder ``uploads``. ``device_of`` maps
    a device id of that server to one of ours, or to None where many phones share it; ``inspect``
    raises InvalidImage or ImageTooLarge."""

    export: Path
    root: Path
    device_of: Callable[[str], str | None]
    inspect: Callable[[bytes], Inspected]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one row: ``here`` was taken over before."""

    file: str
    id: str
    state: Literal["taken", "here", "left"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A row of that server with the bytes of its file and what they show; ``device_id`` is one of
    ours."""

    kind: type[Original | Face]
    row: dict[str, Any]
    device_id: str
    data: bytes
    shown: Inspected


class BadExport(Exception):
    """The export cannot be read; says where."""


class _Skipped(Exception):
    """A row that cannot be taken over, and why."""


async def take_over(
    database: Database, storage: Storage, signer: Signer, server: Server, *, keep_metadata: bool
) -> AsyncIterator[Outcome]:
    """Take over photos, then faces; repeatable, also while either server runs."""
    for collection, kind in _KINDS.items():
        for row in _rows_of(server.export / collection):
            row_id = str(row["id"])
            try:
                device_id = server.device_of(str(row.get("deviceId", "")))
                if device_id is None:
                    raise _Skipped(f"many phones share the device id {row.get('deviceId')!r}")
                if await database.read(partial(_find, kind, device_id, row_id)) is not None:
                    yield Outcome(collection, row_id, "here")
                    continue
                data = await to_thread.run_sync(_bytes_of, server.root, row)
                shown = await to_thread.run_sync(_inspected, server, data)
                picture = _Picture(kind, row, device_id, data, shown)
                file = _file(picture, keep_metadata)
                await _keep(database, storage, signer, picture, file)
            except _Skipped as reason:
                yield Outcome(collection, row_id, "left", str(reason))
            else:
                yield Outcome(collection, row_id, "taken")


async def _keep(
    database: Database, storage: Storage, signer: Signer, picture: _Picture, file: NewFile
) -> None:
    row, device_id, shown = picture.row, picture.device_id, picture.shown
    async with discarding(storage) as new_files:
        (stored,) = await storage.put_new(file)
        thumbnail_path = keys.thumbnail_key(stored.key)
        new_files += [stored.key, thumbnail_path]
        columns: dict[str, Any] = {
            **file_columns(stored, file.mime_type),
            "id": row["id"],
            "device_id": device_id,
            "width": shown.width,
            "height": shown.height,
            "created_at": row["createdAt"],
            "thumbnail_path": thumbnail_path,
        }
        url = keys.url_path_of(stored.key)

        def commit(connection: Connection) -> bool:
            introduce(connection, signer, device_id, utc_now())
            if picture.kind is Original:
                columns.update(image_url=url, face_count=shown.face_count, last_style="", faces="")
                queries.add(connection, Original(**columns))
                return True
            original_id = str(row["originalId"])
            if queries.original_of(connection, device_id, original_id) is None:
                return False
            source = str(row.get("sourceCartoonId") or row["id"])
            columns.update(original_id=original_id, face_url=url, source_cartoon_id=source)
            queries.add(connection, Face(**columns))
            return True

        kept = await database.write(commit)
    if not kept:
        await storage.delete(new_files)
        raise _Skipped(f"its photo {row['originalId']} is not here")


def _find(
    kind: type[Original | Face], device_id: str, row_id: str, connection: Connection
) -> Original | Face | None:
    if kind is Original:
        return queries.original_of(connection, device_id, row_id)
    return queries.face_of(connection, device_id, row_id)


def _rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a collection, with ids as text and ``createdAt`` as a time."""
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise BadExport(f"{file} cannot be read ({error.strerror}).") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = {name: _plain(value) for name, value in json.loads(line).items()}
            row["id"] = str(row.pop("_id"))
            row["createdAt"].timestamp()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadExport(
                f"{file}, line {number}: no row as mongoexport writes it, with _id and createdAt."
            ) from error
        yield row


def _plain(value: Any) -> Any:
    """MongoDB's Extended JSON (version 2, both forms): ids and times."""
    match value:
        case {"$oid": str(text)}:
            return text
        case {"$date": {"$numberLong": ms}}:
            return datetime.fromtimestamp(int(ms) / 1000, UTC)
        case {"$date": str(text)}:
            return datetime.fromisoformat(text)
    return value


def _bytes_of(root: Path, row: dict[str, Any]) -> bytes:
    path = (root / str(row.get("filePath", "")).lstrip("/")).resolve()
    if not path.is_relative_to((root / "uploads").resolve()):
        raise _Skipped(f"its file is not below uploads: {row.get('filePath')}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _Skipped(f"its file cannot be read: {row['filePath']} ({error.strerror})") from error


def _inspected(server: Server, data: bytes) -> Inspected:
    try:
        return server.inspect(data)
    except (InvalidImage, ImageTooLarge) as error:
        raise _Skipped(error.detail) from error


def _file(picture: _Picture, keep_metadata: bool) -> NewFile:
    """Under its own name where that is free and does not lie, so that URLs of it stay good."""
    row, data = picture.row, picture.data
    mime_type = media_type_of(data[:HEAD_BYTES])
    try:
        assert mime_type is not None  # ``inspect`` has decoded it
        pieces = [data] if keep_metadata else without_metadata(data, mime_type)
    except BrokenImage as error:
        raise _Skipped("The image is broken or incomplete.") from error
    folder: Literal["originals", "downloaded"] = "originals"
    owner = picture.device_id
    if picture.kind is Face:
        folder, owner = "downloaded", str(row["originalId"])
    extension = IMAGE_TYPES[mime_type]
    names = keys.new_keys(folder, owner, extension, row["createdAt"])
    own = str(row.get("filename", ""))
    # The type that a file is served with follows from its name.
    if keys.is_filename(own) and own.endswith(f".{extension}"):
        names = chain([f"uploads/{folder}/{own}"], names)
    return NewFile(iter(names), pieces, mime_type, picture.shown.thumbnail)
