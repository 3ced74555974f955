"""The cartoon somebody picked becomes a face; the other cartoons of its photo go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cartoon_avatar.backend.ai.client import CutOptions
from cartoon_avatar.backend.ai.wire import CannotFetch, Head, Image
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import Cartoon, Face, Original
from cartoon_avatar.backend.errors import NotFound, SiblingDownloaded
from cartoon_avatar.backend.flows.cartoons import cartoon_and_original, file_columns, new_id
from cartoon_avatar.backend.flows.devices import Caller
from cartoon_avatar.backend.flows.disk_space import discarding
from cartoon_avatar.backend.flows.idempotency import Note
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
    note: Note[Downloaded],
) -> Downloaded:
    """Cut the face out of a cartoon and keep it; then every temporary cartoon of its photo goes.

    A repeat gets the face of the first time. A failed cut deletes nothing.
    """
    database, storage, device_id = backend.database, backend.storage, caller.device_id
    found = await database.read(
        partial(cartoon_and_original, device_id=device_id, cartoon_id=cartoon_id)
    )
    if found is None:
        return await _earlier_face(database, device_id, cartoon_id, note)
    cartoon, original = found

    until = backend.ai.deadline()
    try:
        with stage("cut"):
            face = cartoon.face_index if options.face is None else options.face
            drawn = replace(
                options,
                face=face,
                crop=cartoon.crop,
                style=cartoon.style,
                seed=cartoon.seed,
                framing=cartoon.framing,
            )
            cut = await _cut_out(backend, cartoon, original, drawn, until)
            thumbnail = cut.thumbnail
            if thumbnail is None:  # an AI service that knows the original design alone
                made = await backend.ai.thumbnail([cut.data], cut.mime_type, until=until)
                thumbnail = made.data
    except AvatarError:
        # A concurrent download or the sweeper may have taken what the AI service was to fetch.
        asked = partial(queries.cartoon_of, device_id=device_id, cartoon_id=cartoon_id)
        if await database.read(asked) is not None:
            raise
        return await _earlier_face(database, device_id, cartoon_id, note)
    new_files: list[str] = []
    try:
        async with discarding(storage) as new_files:
            with stage("store"):
                row = await _stored(storage, cartoon, cut, thumbnail, new_files)
            with stage("commit"):
                gone = await database.write(
                    partial(_exchange, cartoon=cartoon, face=row, note=note)
                )
    except (_Overtaken, IntegrityError):
        # Rolled back for sure, so our files are nobody's.
        await storage.delete(new_files)
        return await _earlier_face(database, device_id, cartoon_id, note)
    await storage.delete(gone)
    return Downloaded(row, is_new=True)


async def _cut_out(
    backend: State, cartoon: Cartoon, original: Original, options: CutOptions, until: float
) -> Head:
    storage, device_id = backend.storage, cartoon.device_id
    self_url = backend.settings.self_url
    cartoon_url, photo_url = [
        await storage.url_of(row.file_path)
        or backend.signer.file_url(row.image_url, base_url=self_url)
        for row in (cartoon, original)
    ]
    try:
        return await backend.ai.process_face_cut(
            cartoon_url, photo_url, options, device_id=device_id, until=until
        )
    except CannotFetch as error:
        # A backend that was told to stop answers what it has accepted, and takes nothing new:
        # the AI service's own request neither.
        try:
            drawing = ([await storage.get(cartoon.file_path)], cartoon.mime_type)
            photo = ([await storage.get(original.file_path)], original.mime_type)
        except FileMissing:
            raise error from None
    return await backend.ai.cut_face_of(drawing, photo, options, device_id=device_id, until=until)


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


def _exchange(
    connection: Connection, cartoon: Cartoon, face: Face, note: Note[Downloaded]
) -> list[str]:
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
    note(connection, Downloaded(face, is_new=True))
    return list(gone.values())


async def _earlier_face(
    database: Database, device_id: str, cartoon_id: str, note: Note[Downloaded]
) -> Downloaded:
    def repeated(connection: Connection) -> Downloaded:
        face = queries.face_from(connection, device_id, cartoon_id)
        if face is not None:
            downloaded = Downloaded(face, is_new=False)
            note(connection, downloaded)
            return downloaded
        if queries.is_spent(connection, device_id, cartoon_id):
            raise SiblingDownloaded
        raise NotFound

    return await database.write(repeated)
