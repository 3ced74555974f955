"""The cartoon somebody picked becomes a face; the other cartoons of its photo go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cartoon_avatar.backend.ai.client import AiClient
from cartoon_avatar.backend.ai.requests import CutOptions, Turn
from cartoon_avatar.backend.ai.responses import Head, Image
from cartoon_avatar.backend.ai.wire import File
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import Cartoon, Face, Original
from cartoon_avatar.backend.errors import NotFound, SiblingDownloaded
from cartoon_avatar.backend.flows.attempt import Attempt
from cartoon_avatar.backend.flows.cartoons import cartoon_and_original, file_columns, new_id
from cartoon_avatar.backend.flows.devices import Caller
from cartoon_avatar.backend.flows.new_files import discarding
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import FileMissing, NewFile, Storage
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import IMAGE_TYPES
from cartoon_avatar.http.request_log import stage


@dataclass(frozen=True, slots=True)
class Downloaded:
    face: Face
    is_new: bool


class _Overtaken(Exception):
    """The cartoon's row went while its face was being cut out."""


async def download(
    backend: State,
    caller: Caller,
    cartoon_id: str,
    options: CutOptions,
    attempt: Attempt,
) -> Downloaded:
    """Cut the face out of a cartoon and keep it; then every temporary cartoon of its photo goes.

    A repeat gets the face of the first time. A failed cut deletes nothing.
    """
    database, storage, device_id = backend.database, backend.storage, caller.device_id
    found = await database.read(
        partial(cartoon_and_original, device_id=device_id, cartoon_id=cartoon_id)
    )
    if found is None:
        return await _earlier_face(database, device_id, cartoon_id, attempt)
    cartoon, original = found

    try:
        with stage("cut"):
            cut, thumbnail = await _head_of(backend, cartoon, original, options, attempt)
    except (AvatarError, FileMissing):
        # A concurrent download or the sweeper may have taken it.
        find = partial(queries.cartoon_of, device_id=device_id, cartoon_id=cartoon_id)
        if await database.read(find) is not None:
            raise
        return await _earlier_face(database, device_id, cartoon_id, attempt)
    new_files: list[str] = []
    try:
        async with discarding(storage) as new_files:
            with stage("store"):
                row = await _stored(storage, cartoon, cut, thumbnail, new_files)
            attempt.require_wanted()
            with stage("commit"):
                gone = await database.write(
                    partial(_exchange, cartoon=cartoon, face=row, attempt=attempt)
                )
    except (_Overtaken, IntegrityError):
        # Rolled back for sure, so no row names the new files.
        await storage.delete(new_files)
        return await _earlier_face(database, device_id, cartoon_id, attempt)
    await storage.delete(gone)
    return Downloaded(row, is_new=True)


async def _head_of(
    backend: State, cartoon: Cartoon, original: Original, options: CutOptions, attempt: Attempt
) -> tuple[Head, bytes]:
    """The head of a cartoon, and its thumbnail. Raises FileMissing."""
    storage = backend.storage
    as_drawn = replace(
        options,
        face=cartoon.face_index if options.face is None else options.face,
        crop=cartoon.crop,
        style=cartoon.style,
        seed=cartoon.seed,
        framing=cartoon.framing,
        aligned=cartoon.aligned,
    )
    drawing = ([await storage.get(cartoon.file_path)], cartoon.mime_type)
    photo = ([await storage.get(original.file_path)], original.mime_type)
    url = await _url(backend, cartoon)
    return await attempt.ask(_cut_out(backend.ai, drawing, photo, as_drawn, attempt.turn, url))


async def _cut_out(
    ai: AiClient, cartoon: File, photo: File, options: CutOptions, turn: Turn, url: str | None
) -> tuple[Head, bytes]:
    head = await ai.cut_face(cartoon, photo, options, turn, url)
    if head.thumbnail is not None:
        return head, head.thumbnail
    # An AI service that knows the original design alone.
    return head, (await ai.thumbnail([head.data], head.mime_type, until=turn.until)).data


async def _url(backend: State, cartoon: Cartoon) -> str | None:
    """The URL at which an AI service can fetch the cartoon, if one is known."""
    url = await backend.storage.url_of(cartoon.file_path)
    if url is None and backend.settings.public_url is not None:
        url = backend.signer.file_url(cartoon.image_url)
    return url


async def _stored(
    storage: Storage,
    cartoon: Cartoon,
    cut: Image,
    thumbnail: bytes,
    new_files: list[str],
) -> Face:
    now = utc_now()
    face_keys = keys.new_keys("downloaded", cartoon.original_id, IMAGE_TYPES[cut.mime_type], now)
    (stored,) = await storage.put_new(NewFile(face_keys, [cut.data], cut.mime_type, thumbnail))
    thumbnail_path = keys.thumbnail_key(stored.key)
    new_files += [stored.key, thumbnail_path]
    return Face(
        id=new_id(),
        device_id=cartoon.device_id,
        original_id=cartoon.original_id,
        **file_columns(stored, cut.mime_type),
        face_url=keys.url_path_of(stored.key),
        width=cut.width,
        height=cut.height,
        source_cartoon_id=cartoon.id,
        thumbnail_path=thumbnail_path,
        created_at=now,
    )


def _exchange(connection: Connection, cartoon: Cartoon, face: Face, attempt: Attempt) -> list[str]:
    """In one transaction the cartoon rows go and the face comes; returns the files to delete.

    Removing first makes a concurrent download wait on the rows and then find them gone.
    """
    if not queries.hold_original(connection, cartoon.device_id, cartoon.original_id):
        raise _Overtaken
    gone = queries.remove_cartoons_of(connection, cartoon.original_id)
    if cartoon.id not in gone:
        raise _Overtaken
    queries.add(connection, face)
    queries.note_spent(connection, face, gone.keys() - {cartoon.id})
    attempt.settle(connection, Downloaded(face, is_new=True))
    return [key for files in gone.values() for key in files]


async def _earlier_face(
    database: Database, device_id: str, cartoon_id: str, attempt: Attempt
) -> Downloaded:
    def repeated(connection: Connection) -> Downloaded:
        face = queries.face_from(connection, device_id, cartoon_id)
        if face is not None:
            downloaded = Downloaded(face, is_new=False)
            attempt.settle(connection, downloaded)
            return downloaded
        raise _reason_of_absence(connection, device_id, cartoon_id)

    return await database.write(repeated)


def require_cartoon(connection: Connection, device_id: str, cartoon_id: str) -> None:
    """Raise NotFound or SiblingDownloaded unless it can be downloaded, or has been."""
    if queries.cartoon_of(connection, device_id, cartoon_id) is not None:
        return
    if queries.face_from(connection, device_id, cartoon_id) is None:
        raise _reason_of_absence(connection, device_id, cartoon_id)


def _reason_of_absence(connection: Connection, device_id: str, cartoon_id: str) -> AvatarError:
    spent = queries.is_spent(connection, device_id, cartoon_id)
    return SiblingDownloaded() if spent else NotFound()
